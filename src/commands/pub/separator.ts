/** Separators on the command line. */

import {UsageError} from '../../errors.ts';

/** A parser of a separator, in which \t is a tab and \\ a backslash. @throws UsageError for an empty one */
export function separatorText(option: string): (given: string) => string {
  return (given) => {
    if (given === '')
      throw new UsageError(`The separator of ${option} is empty. Is a variable of the shell unset?`);
    return given.replace(/\\([t\\])/g, (_, letter: string) => (letter === 't' ? '\t' : '\\'));
  };
}
