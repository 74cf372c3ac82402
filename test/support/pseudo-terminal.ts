/** Runs programs on a pseudo-terminal: what a person sees, and can type. */

import {type IPty, spawn} from '@lydell/node-pty';
import {defined} from '../../src/defined.ts';
import {cleanEnvironment, patienceMilliseconds} from './spawn.ts';

export interface TerminalRun extends AsyncDisposable {
  /** Types; '\r' is Enter. */
  send(keys: string): void;
  /** Takes the terminal away, as a closed window does. */
  hangUp(): void;
  /** Everything shown so far. */
  screen(): string;
  /** Resolves when what is shown matches; rejects when the program ends first or it takes too long. */
  shows(pattern: RegExp): Promise<void>;
  /** Resolves at the end of the program; its signal is a number. */
  readonly finished: Promise<{readonly exitCode: number; readonly signal: number}>;
}

export interface TerminalOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly columns?: number;
  readonly timeoutMilliseconds?: number;
}

/** Starts a program on a terminal of its own, by default 80 columns wide. */
export function startOnTerminal(
  command: string,
  args: readonly string[],
  {env, cwd, columns = 80, timeoutMilliseconds = patienceMilliseconds}: TerminalOptions = {},
): TerminalRun {
  const pty: IPty = spawn(command, [...args], {
    name: env?.TERM ?? 'xterm',
    cols: columns,
    rows: 24,
    ...defined({cwd}),
    env: cleanEnvironment(env),
  });
  let shown = '';
  let ended = false;
  let wake: () => void = () => undefined;
  const timer = setTimeout(() => pty.kill('SIGKILL'), timeoutMilliseconds);
  pty.onData((text) => {
    shown += text;
    wake();
  });
  const finished = new Promise<{exitCode: number; signal: number}>((resolve) => {
    pty.onExit(({exitCode, signal = 0}) => {
      clearTimeout(timer);
      ended = true;
      wake();
      resolve({exitCode, signal});
    });
  });
  return {
    finished,
    send: (keys) => pty.write(keys),
    hangUp: () => (pty as IPty & {destroy(): void}).destroy(),
    screen: () => shown,
    async shows(pattern) {
      while (!pattern.test(shown)) {
        if (ended) throw new Error(`${command} ended before ${pattern} was shown: ${JSON.stringify(shown)}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async [Symbol.asyncDispose]() {
      if (!ended) pty.kill('SIGKILL');
      await finished;
    },
  };
}
