/** The options about what tells one message from the next on standard output, and --json. */

import {choice, inGroup, type Values} from '../../cli/option.ts';
import {UsageError} from '../../errors.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import type {ReceiveValues} from '../client/receive-options.ts';

export const recordOptions = inGroup('Output', {
  json: {
    flags: '--json',
    summary: 'print each message as a line of JSON that tmq pub --json reads back',
    details:
      'As -F %j, except that a payload that is JSON stands in the object as it was sent, with "payload-encoding":"json". With MQTT 5 it sets --retain-as-published. See JSON lines in tmq-formats(5).',
  },
  nullData: {
    flags: '-0, --null-data',
    summary: 'end each message with NUL instead of a newline, for xargs -0',
    details: 'A message without payload is printed too, as NUL alone.',
  },
  framing: {
    flags: '--framing <form>',
    summary: 'print the length before each message: u32be, four bytes, highest first',
    details: 'For payloads that may hold any byte. No newline follows.',
    noun: 'form',
    parse: choice(['u32be'], (given) => `Unknown --framing given: ${given}. It is u32be.`),
    complete: ['u32be'],
  },
});

export type RecordValues = Values<typeof recordOptions>;

interface OutputValues extends ReceiveValues, RecordValues {
  readonly messageRate?: boolean;
  readonly watch?: boolean;
}

/** @throws UsageError for options that exclude each other */
export function checkRecordOptions(values: OutputValues): void {
  const {json, nullData, framing, noNewline, format, verbose, pretty, messageRate, watch} = values;
  const refuse = (option: string, other: string, why: string) => {
    throw new UsageError(`${option} and ${other} cannot be used together: ${why}.`);
  };
  if (json === true) {
    if (format !== undefined) refuse('--json', '-F', 'both say what is printed of a message');
    if (verbose === true) refuse('--json', '-v', 'the topic is in the object');
    if (pretty === true) refuse('--json', '--pretty', 'each object is one line');
    if (noNewline === true) refuse('--json', '-N', 'each object is a line');
  }
  const framed = nullData === true ? '-0' : framing === undefined ? undefined : '--framing';
  if (framed === undefined) return;
  if (nullData === true && framing !== undefined) refuse('-0', '--framing', 'both say where a message ends');
  if (noNewline === true) refuse(framed, '-N', 'no newline is printed anyway');
  if (messageRate === true) refuse(framed, '--message-rate', 'no messages are printed');
  if (watch === true) refuse(framed, '-w', 'it shows lines');
}

/** With --json a message is to be published again as it was: MQTT 5 leaves the retain flag as it was, if asked to. */
export function asPublished<Given extends ReceiveValues & RecordValues>(
  values: Given,
  version: ProtocolVersion,
): Given {
  return values.json === true && version === 5 ? {...values, retainAsPublished: true} : values;
}
