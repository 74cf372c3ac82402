/** One row of the catalogue of mistakes: a command line that is wrong, and all that it says. */

export interface MistakeOptions {
  /** The exit status; 1 by default. */
  readonly status?: number;
  /** Behind the sentence stands the pointer to --help. */
  readonly usage?: boolean;
  /** Behind the sentence stands the short help. */
  readonly brief?: boolean;
  /** What the file {file} holds. */
  readonly file?: string;
  /** What the file {file}.acl holds. */
  readonly acl?: string;
  /** Standard input. */
  readonly input?: string;
}

/**
 * The command line without `tmq`, or a line of shell; and the sentence on standard error, behind "Error: ". {names} of
 * ports, files and folders are those of test/support/mistake-place.ts.
 */
export type Mistake = readonly [line: string, says: string, options?: MistakeOptions];
