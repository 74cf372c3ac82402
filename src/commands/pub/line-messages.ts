/**
 * From a line of standard input to a message: its payload, and its topic and the rest where they come from the line.
 * What is no message is reported with its number, and the lines behind it go on.
 */

import {isUtf8} from 'node:buffer';
import type {MessageBatch} from '../../client/types.ts';
import {ExitCode, TmqError} from '../../errors.ts';
import {ByteTable} from '../../format/byte-table.ts';
import {type EnvelopeHead, EnvelopeReader} from '../../format/envelope.ts';
import {isAt} from '../../format/json-scan.ts';
import type {LineSpans} from '../../io/input/lines.ts';
import type {ProtocolVersion, Publication} from '../../protocol/message.ts';
import {disallowedIn, isMqttString, isPublishTopic} from '../../protocol/topic.ts';
import type {LinesSource} from './line-options.ts';
import {mapTopic} from './topic-map.ts';
import {topicOf} from './topic-template.ts';

/** What a message has where its line does not say. */
export interface MessageDefaults extends Omit<Publication, 'topic'> {
  readonly topic?: string;
  readonly protocolVersion: ProtocolVersion;
}

/** The messages that a batch of lines gave. */
interface Messages {
  readonly payloads: Uint8Array[];
  readonly publications: Publication[];
}

/**
 * Adds the message of the line that stands at `start` up to `end`; a blank line of JSON has none.
 * @throws TmqError 3 with the rest of a sentence about the line: 'has no topic'
 */
export type LineReader = (bytes: Uint8Array, start: number, end: number, messages: Messages) => void;

/** Topics that are remembered at a time, with what is encoded for each. */
const mostTopics = 1024;

/** What of a topic is shown. */
const mostShown = 60;

function refused(sentence: string): TmqError {
  return new TmqError(sentence, ExitCode.invalid);
}

/** The text without what a topic cannot have; U+FFFD stands for bytes that are no UTF-8. */
function clean(text: string): string {
  return text.replace(/[+#\uFFFD\p{Control}\p{Surrogate}\p{Noncharacter_Code_Point}]/gu, '_') || '_';
}

/** A value within a topic: it makes no levels. */
function cleanValue(text: string): string {
  return clean(text).replaceAll('/', '_');
}

/** @throws TmqError 3 for what cannot be published to */
function checkTopic(topic: string): void {
  if (isPublishTopic(topic) && isMqttString(topic)) return;
  const shown = topic.length > mostShown ? `${topic.slice(0, mostShown)}…` : topic;
  if (topic === '') throw refused('has an empty topic');
  if (!isMqttString(topic)) throw refused(`has a topic with ${disallowedIn(topic)}`);
  if (/[+#]/.test(topic)) throw refused(`has the topic ${shown} with a wildcard, + or #`);
  throw refused(`has the topic ${shown} with more than 65535 bytes or 200 slashes`);
}

/** Makes publications from topics; the same object for the same topic. */
class Publications {
  readonly #source: LinesSource;
  readonly #defaults: MessageDefaults;
  readonly #known = new ByteTable<Publication>(mostTopics);

  constructor(source: LinesSource, defaults: MessageDefaults) {
    this.#source = source;
    this.#defaults = defaults;
  }

  /** Of the topic that stands there. @throws TmqError 3 for one that cannot be published to, before or after --map */
  of(bytes: Uint8Array, start: number, end: number): Publication {
    let publication = this.#known.get(bytes, start, end);
    if (publication === undefined) {
      const topic = Buffer.from(bytes.subarray(start, end));
      const isClean = this.#source.cleansTopics;
      if (!isClean && !isUtf8(topic)) throw refused('has a topic that is not valid UTF-8');
      publication = this.make(isClean ? clean(topic.toString()) : topic.toString());
      this.#known.set(bytes, start, end, publication);
    }
    return publication;
  }

  /** @throws TmqError 3 for a topic that cannot be published to, before or after --map */
  make(given: string, head: Omit<EnvelopeHead, 'topic'> = {}): Publication {
    checkTopic(given);
    const topic = this.#source.maps.reduce((text, map) => mapTopic(map, text), given);
    if (topic !== given) checkTopic(topic);
    const {qos, retain, properties: usual} = this.#defaults;
    const properties = {...usual, ...head.properties};
    return {
      topic,
      qos: head.qos ?? qos,
      retain: head.retain ?? retain,
      ...(Object.keys(properties).length === 0 ? {} : {properties}),
    };
  }
}

/** Takes lines apart that are more than a payload. */
export function lineReader(source: LinesSource, defaults: MessageDefaults): LineReader {
  const {form} = source;
  const publications = new Publications(source, defaults);
  switch (form.kind) {
    case 'payload':
      throw new TypeError('The line is the payload.');
    case 'envelope':
      return envelopeReader(publications, defaults);
    case 'prefixed':
      return prefixedReader(publications, form.separator);
    case 'template': {
      const {template, split} = form;
      const options = {split, clean: source.cleansTopics ? cleanValue : undefined};
      return (bytes, start, end, messages) => {
        const line = bytes.subarray(start, end);
        const topic = Buffer.from(topicOf(template, line, options));
        messages.publications.push(publications.of(topic, 0, topic.length));
        messages.payloads.push(line);
      };
    }
  }
}

function envelopeReader(publications: Publications, defaults: MessageDefaults): LineReader {
  const reader = new EnvelopeReader((head) => {
    const topic = head.topic ?? defaults.topic;
    if (topic === undefined) throw refused('has no topic, and none is given by -t');
    if (defaults.protocolVersion < 5 && Object.keys(head.properties ?? {}).length > 0) {
      throw refused('has properties, which are of MQTT 5: say -V 5');
    }
    return publications.make(topic, head);
  });
  let checked: Uint8Array | undefined;
  let isChecked = false;
  return (bytes, start, end, messages) => {
    // All lines of a chunk are looked at together: that is an eighth of the time.
    if (bytes !== checked) isChecked = isUtf8(bytes);
    checked = bytes;
    if (!isChecked && !isUtf8(bytes.subarray(start, end))) throw refused('is not valid UTF-8');
    if (!reader.read(bytes, start, end)) return;
    messages.publications.push(reader.made!);
    messages.payloads.push(reader.payload);
  };
}

function prefixedReader(publications: Publications, separator: string): LineReader {
  const sought = Buffer.from(separator);
  const [first] = sought as unknown as [number];
  return (bytes, start, end, messages) => {
    let at = bytes.indexOf(first, start);
    while (at !== -1 && at + sought.length <= end && !isAt(bytes, at, sought))
      at = bytes.indexOf(first, at + 1);
    if (at === -1 || at + sought.length > end) {
      throw refused(`has no ${JSON.stringify(separator)} between topic and payload`);
    }
    messages.publications.push(publications.of(bytes, start, at));
    messages.payloads.push(bytes.subarray(at + sought.length, end));
  };
}

/** Lines that are no messages. */
export class BadLines {
  /** Of the line read last, from 1. */
  number = 0;
  count = 0;
  readonly #report: (sentence: string) => void;
  readonly #isStrict: boolean;
  readonly #name: string;

  /** @param report takes a sentence about each, except with --strict */
  constructor({framing, isStrict}: LinesSource, report: (sentence: string) => void) {
    this.#report = report;
    this.#isStrict = isStrict;
    this.#name = framing === 'lines' ? 'Line' : 'Message';
  }

  /** The present line is one, for this reason. Returns what ends the input: an error with --strict, or another one. */
  add(error: unknown): {readonly error: unknown} | undefined {
    if (!(error instanceof TmqError)) return {error};
    this.count++;
    const sentence = `${this.#name} ${this.number} ${error.message}.`;
    if (this.#isStrict) return {error: refused(sentence)};
    this.#report(sentence);
    return undefined;
  }

  /** What is left to say at the end. */
  get failure(): TmqError | undefined {
    if (this.count === 0 || this.#isStrict) return undefined;
    const what =
      this.count === 1 ? '1 line is no message, and was' : `${this.count} lines are no messages, and were`;
    return refused(`${what} not sent.`);
  }
}

/** Messages of batches of lines. @throws TmqError 3 with --strict, behind the messages before the line */
export async function* lineMessages(
  batches: AsyncIterable<LineSpans>,
  read: LineReader,
  bad: BadLines,
): AsyncGenerator<MessageBatch, void, undefined> {
  for await (const {bytes, spans} of batches) {
    const messages: Messages = {payloads: [], publications: []};
    let end: {readonly error: unknown} | undefined;
    for (let index = 0; index < spans.length && end === undefined; index += 2) {
      bad.number++;
      try {
        read(bytes, spans[index]!, spans[index + 1]!, messages);
      } catch (error) {
        end = bad.add(error);
      }
    }
    if (messages.payloads.length > 0) yield messages;
    if (end !== undefined) throw end.error;
  }
}
