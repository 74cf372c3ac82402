/** Starts a load generator of generators/ as a process of its own, and reads the lines that it prints. */

import {join} from 'node:path';
import {type Running, start} from '../support/spawn.ts';
import {projectDirectory} from './bench.ts';

type Told = Readonly<Record<string, unknown>>;

export interface Generator extends AsyncDisposable {
  /** Its first line: {port} of a server. */
  readonly first: Told;
  /** The port of a server. */
  readonly port: number;
  /** Its next line. @throws Error when it ends first */
  next(): Promise<Told>;
  /** Starts the load. */
  begin(): void;
}

/** Starts generators/NAME.ts with these options, and waits for its first line. */
export async function startGenerator(
  name: 'sink' | 'flood' | 'delay' | 'load' | 'raw' | 'echo',
  options: Readonly<Record<string, string | number | true>> = {},
): Promise<Generator> {
  const words = Object.entries(options).map(([key, value]) =>
    value === true ? `--${key}` : `--${key}=${value}`,
  );
  const file = join(import.meta.dirname, 'generators', `${name}.ts`);
  const running = start(process.execPath, ['--import', 'tsx', file, ...words], {
    cwd: projectDirectory,
    timeoutMilliseconds: 600_000,
  });
  let told = 0;
  const next = async () => await line(running, told++);
  const first = await next();
  return {
    first,
    port: Number(first.port),
    next,
    begin() {
      running.child.stdin!.write('\n');
    },
    async [Symbol.asyncDispose]() {
      await running.stop('SIGKILL');
    },
  };
}

async function line(running: Running, index: number): Promise<Told> {
  const [text] = await running.waitFor('stdout', new RegExp(`^(?:.*\\n){${index}}.*\\n`));
  return JSON.parse(text.trimEnd().split('\n')[index]!) as Told;
}
