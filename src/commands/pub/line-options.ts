/** The options about standard input line by line: what a message is there, and where its topic comes from. */

import {choice, inGroup, type Values} from '../../cli/option.ts';
import {UsageError} from '../../errors.ts';
import {separatorText} from './separator.ts';
import {parseTopicMap, type TopicMap} from './topic-map.ts';
import {parseTopicTemplate, type TopicTemplate} from './topic-template.ts';

/** Where a message ends in the input. */
export type Framing = 'lines' | 'nul' | 'u32be';

/** What a line is. */
export type LineForm =
  /** The payload. */
  | {readonly kind: 'payload'}
  /** A JSON object that has topic, payload and the rest. */
  | {readonly kind: 'envelope'}
  /** The topic, and behind the separator the payload. */
  | {readonly kind: 'prefixed'; readonly separator: string}
  /** The payload, which the topic is made of. */
  | {readonly kind: 'template'; readonly template: TopicTemplate; readonly split?: string};

/** Messages read from standard input one after the other. */
export interface LinesSource {
  readonly kind: 'lines';
  readonly framing: Framing;
  readonly form: LineForm;
  readonly maps: readonly TopicMap[];
  /** Replace characters that a topic cannot have, where the topic comes from the line. */
  readonly cleansTopics: boolean;
  /** End at the first line that is no message. */
  readonly isStrict: boolean;
}

export const lineOptions = inGroup('Message', {
  stdinLine: {
    flags: '-l, --stdin-line',
    summary: 'send each line of standard input as a message',
    details:
      'A line ends at LF, which is not sent; an empty line is an empty message, and a last line without LF is sent too. Bytes are never changed. Input is read only as fast as the broker accepts it. When the connection is lost, tmq connects again and sends what was not acknowledged once more. The exit status is 0 only if every line was acknowledged (at QoS 0: handed to the operating system). An acknowledgement means that the broker has the message, not that a subscriber gets it: for each subscriber that reads slowly, mosquitto queues 1000 messages by default, and drops the rest. max_queued_messages in its configuration raises that limit. Up to 20 lines are unacknowledged at a time; a larger -M fills the queue faster.',
  },
  json: {
    flags: '--json',
    summary: 'send each line of standard input, a JSON object with topic and payload, as a message',
    details:
      'The lines are those that tmq sub --json prints. The keys topic, payload, qos, retain and properties count, and others are passed over; -t, -q, -r and -D publish stand for those that a line leaves out. See JSON lines below. Otherwise as -l.',
  },
  topicFrom: {
    flags: '--topic-from <separator>',
    summary: 'the topic is what stands in the line before the first separator; implies -l',
    details: 'The rest of the line is the payload. \\t is a tab.',
    noun: 'separator',
    parse: separatorText('--topic-from'),
  },
  topicTemplate: {
    flags: '--topic-template <template>',
    summary: "the topic is made of the line: 'sensors/{1}/temp' or 'dev/{.id}/state'; implies -l",
    details:
      'The payload is the whole line. {1} is the first field, see --split; {.id} is a value of a line of JSON, {.a.b[0]} one within. {{ and }} are braces. A value that is empty or holds a slash is refused, because it would change the levels of the topic.',
    noun: 'template',
    parse: parseTopicTemplate,
  },
  split: {
    flags: '--split <separator>',
    summary: 'fields of --topic-template end at this separator (default: spaces and tabs)',
    noun: 'separator',
    parse: separatorText('--split'),
  },
  topicClean: {
    flags: '--topic-clean',
    summary: 'replace what a topic from a line cannot have by _ instead of refusing the line',
    details:
      'That is +, #, NUL and other control characters, an empty topic and, in a value of --topic-template, also a slash.',
  },
  map: {
    flags: '--map <rule>',
    summary: "rewrite the topics of lines: 's#^prod/#test/#'; repeatable",
    details:
      'As in sed: any character can stand in place of #; the pattern is a regular expression of JavaScript; & in the replacement is what matched, \\1 the first group; g behind it replaces all matches, i ignores case. Several rules apply in their order.',
    noun: 'rule',
    parse: (given: string, previous: readonly TopicMap[] | undefined): readonly TopicMap[] => [
      ...(previous ?? []),
      parseTopicMap(given),
    ],
  },
  strict: {
    flags: '--strict',
    summary: 'end at the first line that is no message',
    details:
      'By default such a line is reported with its number, the others are sent, and the exit status is 3 at the end.',
  },
  nullData: {
    flags: '-0, --null-data',
    summary: 'messages on standard input end at NUL instead of LF, as from find -print0; implies -l',
  },
  framing: {
    flags: '--framing <form>',
    summary:
      'each message on standard input follows its length: u32be, four bytes, highest first; implies -l',
    details: 'For payloads that may hold any byte.',
    noun: 'form',
    parse: choice(['u32be'], (given) => `Unknown --framing given: ${given}. It is u32be.`),
    complete: ['u32be'],
  },
});

type LineValues = Values<typeof lineOptions>;

/**
 * The source that these options describe; undefined where standard input is not read line by line.
 * @throws UsageError for options that exclude each other, or that say nothing without another
 */
export function linesSource(values: LineValues): LinesSource | undefined {
  const {json, topicFrom, topicTemplate, split, nullData, framing, map = []} = values;
  const forms: LineForm[] = [
    ...(json === true ? [{kind: 'envelope'} as const] : []),
    ...(topicFrom === undefined ? [] : [{kind: 'prefixed', separator: topicFrom} as const]),
    ...(topicTemplate === undefined ? [] : [templateForm(topicTemplate, split)]),
  ];
  if (forms.length > 1) {
    throw new UsageError('Only one of --json, --topic-from and --topic-template can say what a line is.');
  }
  if (split !== undefined && topicTemplate === undefined) throw useless('--split', '--topic-template');
  const [form = {kind: 'payload'}] = forms;
  if (values.strict === true && form.kind === 'payload') throw useless('--strict');
  if (values.topicClean === true && ['payload', 'envelope'].includes(form.kind)) {
    throw useless('--topic-clean', '--topic-from or --topic-template');
  }
  if (map.length > 0 && form.kind === 'payload') throw useless('--map');
  if (nullData === true && framing !== undefined) {
    throw new UsageError('-0 and --framing cannot be used together: both say where a message ends.');
  }
  const isAsked = values.stdinLine === true || nullData === true || framing !== undefined;
  if (!isAsked && form.kind === 'payload') return undefined;
  return {
    kind: 'lines',
    framing: framing ?? (nullData === true ? 'nul' : 'lines'),
    form,
    maps: map,
    cleansTopics: values.topicClean === true,
    isStrict: values.strict === true,
  };
}

function templateForm(template: TopicTemplate, split: string | undefined): LineForm {
  return {kind: 'template', template, ...(split === undefined ? {} : {split})};
}

function useless(option: string, needed = '--json, --topic-from or --topic-template'): UsageError {
  return new UsageError(`${option} goes with ${needed}.`);
}
