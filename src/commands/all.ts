/** The only list of the commands, in the order of the help: a command is its folder and its line here. */

import type {AnyCommand} from '../cli/command.ts';

export interface CommandEntry {
  readonly name: string;
  readonly load: () => Promise<AnyCommand>;
}

export const commands: readonly CommandEntry[] = [
  {name: 'pub', load: async () => (await import('./pub/pub.ts')).pub},
  {name: 'sub', load: async () => (await import('./sub/sub.ts')).sub},
  {name: 'rr', load: async () => (await import('./rr/rr.ts')).rr},
  {name: 'reply', load: async () => (await import('./reply/reply.ts')).reply},
  {name: 'passwd', load: async () => (await import('./passwd/passwd.ts')).passwd},
  {name: 'profile', load: async () => (await import('./profile/profile.ts')).profile},
  {name: 'bench', load: async () => (await import('./bench/bench.ts')).bench},
  {name: 'broker', load: async () => (await import('./broker/broker.ts')).broker},
];
