/** How `passwd` speaks: results on stdout, warnings on stderr. */

import {Output} from '../../io/output.ts';
import type {Io} from '../../io/process.ts';
import {warningLine} from '../../io/terminal.ts';

/** Writes to stdout; resolves when it is written. @throws ClosedPipe when its reader has closed it */
export async function print(io: Io, text: string): Promise<void> {
  const output = new Output(io.stdout);
  output.text(text);
  await output.flush();
}

/** A sentence on stderr that stops nothing. */
export async function warn(io: Io, sentence: string): Promise<void> {
  const line = await warningLine(io, sentence);
  await new Promise<void>((resolve) => {
    io.stderr.write(line, () => resolve());
  });
}
