/** How `passwd` speaks: results on stdout, warnings on stderr. */

import {Output} from '../io/output.ts';
import type {Io} from '../io/process.ts';
import {sanitiseText} from '../io/sanitise.ts';
import {colours} from '../io/terminal.ts';

/** Writes to stdout; resolves when it is written. @throws ClosedPipe when nobody reads it */
export async function print(io: Io, text: string): Promise<void> {
  const output = new Output(io.stdout);
  output.text(text);
  await output.flush();
}

/** A sentence on stderr that stops nothing; names in it cannot move the cursor. */
export async function warn(io: Io, sentence: string): Promise<void> {
  const label = io.stderr.isTTY === true ? (await colours(io)).yellow('Warning:') : 'Warning:';
  await new Promise<void>((resolve) => {
    io.stderr.write(`${label} ${sanitiseText(sentence)}\n`, () => resolve());
  });
}
