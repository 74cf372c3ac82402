/** The commands, in the order in which help shows them; only the one that was asked for is loaded. */

import type {AnyCommand} from '../cli/command.ts';

export interface CommandEntry {
  readonly name: string;
  /** As in the command itself, said here so that the list needs none of them. */
  readonly summary: string;
  readonly load: () => Promise<AnyCommand>;
}

export const commands: readonly CommandEntry[] = [
  {
    name: 'pub',
    summary: 'publish messages',
    load: async () => (await import('./pub/pub.ts')).pub,
  },
  {
    name: 'sub',
    summary: 'subscribe to topics and print the messages',
    load: async () => (await import('./sub/sub.ts')).sub,
  },
  {
    name: 'rr',
    summary: 'publish a request and print the response',
    load: async () => (await import('./rr.ts')).rr,
  },
  {
    name: 'passwd',
    summary: 'manage password files',
    load: async () => (await import('./passwd/passwd.ts')).passwd,
  },
  {
    name: 'broker',
    summary: 'run a small broker, for tests',
    load: async () => (await import('./broker.ts')).broker,
  },
];
