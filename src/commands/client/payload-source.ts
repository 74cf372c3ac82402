/**
 * Where the payload of a message to send comes from: exactly one of -m, -f, -s, -n and, for pub, -l.
 * The options are rows here because pub and rr share them; reading happens before connecting, so that
 * a file that cannot be read costs no connection.
 */

import {readFile} from 'node:fs/promises';
import {inGroup} from '../../cli/option.ts';
import type {Payload} from '../../client/types.ts';
import {fileError, TmqError, UsageError} from '../../errors.ts';
import {openFilePayload} from '../../io/file-payload.ts';
import {inputChunks} from '../../io/input/chunk-reader.ts';
import type {Io} from '../../io/process.ts';
import {largestVariableInteger} from '../../protocol/fixed-header.ts';

export type PayloadSource =
  | {readonly kind: 'text'; readonly text: string}
  | {readonly kind: 'empty'}
  | {readonly kind: 'file'; readonly path: string}
  | {readonly kind: 'stdin'};

function once(
  parse: (text: string) => string = String,
): (text: string, previous: string | undefined) => string {
  return (text, previous) => {
    if (previous !== undefined) throw severalSources();
    return parse(text);
  };
}

function severalSources(): UsageError {
  return new UsageError('Only one type of message can be sent at once. Give one -m, -f, -s, -n or -l.');
}

/** The text of a payload. @throws UsageError where it is longer than a message can be */
export function withinLimit(text: string): string {
  if (Buffer.byteLength(text) > largestVariableInteger) {
    throw new UsageError(`Message length must be less than ${largestVariableInteger + 1} bytes.`);
  }
  return text;
}

export const payloadOptions = inGroup('Message', {
  message: {
    flags: '-m, --message <text>',
    summary: 'the message to send',
    noun: 'message',
    details:
      "The payload is the argument's bytes; an empty argument is a message of zero length. Use -f or -s for bytes that are not valid UTF-8.",
    parse: once(withinLimit),
  },
  file: {
    flags: '-f, --file <file>',
    summary: 'send the contents of a file as one message',
    details: 'An empty file is a message of zero length.',
    parse: once((given) => {
      if (given === '-')
        throw new UsageError('-f takes a file. To send standard input, use -s; a file of that name is ./-');
      return given;
    }),
    complete: 'file',
  },
  stdinFile: {flags: '-s, --stdin-file', summary: 'send all of standard input as one message'},
  nullMessage: {
    flags: '-n, --null-message',
    summary: 'send a message of zero length',
    details: 'With -r this clears the retained message of the topic.',
  },
});

interface PayloadValues {
  readonly message?: string;
  readonly file?: string;
  readonly stdinFile?: boolean;
  readonly nullMessage?: boolean;
}

/**
 * The one source that was given, or undefined. `others` counts sources that only one command has.
 * @throws UsageError when several were given
 */
export function payloadSource(values: PayloadValues, others = 0): PayloadSource | undefined {
  const sources: PayloadSource[] = [];
  if (values.message !== undefined) sources.push({kind: 'text', text: values.message});
  if (values.file !== undefined) sources.push({kind: 'file', path: values.file});
  if (values.stdinFile === true) sources.push({kind: 'stdin'});
  if (values.nullMessage === true) sources.push({kind: 'empty'});
  if (sources.length + others > 1) throw severalSources();
  return sources[0];
}

/**
 * The payload's bytes, or those of a large file where they are; while stdin is read, `progress` tells how many there are.
 * @throws TmqError when the file or stdin cannot be read, is too large, or stdin is empty
 */
export async function readPayload(
  source: PayloadSource,
  io: Pick<Io, 'stdin' | 'signal' | 'env'>,
  progress = {bytes: 0},
): Promise<Payload> {
  switch (source.kind) {
    case 'text':
      return Buffer.from(source.text);
    case 'empty':
      return new Uint8Array(0);
    case 'file':
      return await payloadOfFile(source.path, io);
    case 'stdin':
      return await payloadOfStdin(io, progress);
  }
}

async function payloadOfFile(path: string, {signal, env}: Pick<Io, 'signal' | 'env'>): Promise<Payload> {
  let payload: Payload | undefined;
  try {
    if ((env.TMQ_NO_FASTPATH ?? '') === '') payload = openFilePayload(path, largestVariableInteger);
    payload ??= await readFile(path, {signal});
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    // Above 2 GiB, Node reads no file whole.
    if ((error as NodeJS.ErrnoException).code === 'ERR_FS_FILE_TOO_LARGE') throw tooLarge(path);
    throw fileError('file', path, error);
  }
  if (payload.length > largestVariableInteger) throw tooLarge(path);
  return payload;
}

function tooLarge(path: string): TmqError {
  return new TmqError(`File "${path}" is too large: a message has at most ${largestVariableInteger} bytes.`);
}

async function payloadOfStdin(
  io: Pick<Io, 'stdin' | 'signal'>,
  progress: {bytes: number},
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const stop = () => io.stdin.destroy(io.signal.reason as Error);
  io.signal.addEventListener('abort', stop, {once: true});
  try {
    for await (const chunk of inputChunks(io.stdin)) {
      length += chunk.length;
      progress.bytes = length;
      if (length > largestVariableInteger) {
        throw new TmqError(
          `Standard input is too large: a message has at most ${largestVariableInteger} bytes.`,
        );
      }
      chunks.push(chunk);
    }
  } finally {
    io.signal.removeEventListener('abort', stop);
  }
  if (length === 0) throw new TmqError('Zero length input. Use -n to send an empty message.');
  return Buffer.concat(chunks);
}
