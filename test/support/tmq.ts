/** The built program: bin/tmq.js as users run it. */

import {join} from 'node:path';
import {type Finished, type Running, run, type SpawnOptions, start} from './spawn.ts';

export const program = join(import.meta.dirname, '..', '..', 'bin', 'tmq.js');

/** No options file of the user who runs the tests. */
const withoutHome = (options: SpawnOptions): SpawnOptions => ({
  ...options,
  env: {HOME: '/nonexistent', XDG_CONFIG_HOME: undefined, ...options.env},
});

/** Starts `tmq …` as a process. */
export function startTmq(args: readonly string[], options: SpawnOptions = {}): Running {
  return start(process.execPath, [program, ...args], withoutHome(options));
}

/** Runs `tmq …` as a process, to its end. */
export async function runTmq(args: readonly string[], options: SpawnOptions = {}): Promise<Finished> {
  return await run(process.execPath, [program, ...args], withoutHome(options));
}

/** Runs a line of shell in which `tmq` is the program. */
export async function runShell(line: string, options: SpawnOptions = {}): Promise<Finished> {
  const text = `tmq() { "$TMQ_NODE" "$TMQ_PROGRAM" "$@"; }\n${line}`;
  const environment = {TMQ_NODE: process.execPath, TMQ_PROGRAM: program, ...options.env};
  return await run('/bin/bash', ['-c', text], withoutHome({...options, env: environment}));
}
