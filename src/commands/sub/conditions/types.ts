/** Conditions as the command sees them. Types only. */

import type {TmqError} from '../../../errors.ts';
import type {Message} from '../../../protocol/message.ts';

/** Conditions as they were given. */
export interface ConditionTexts {
  readonly where?: string;
  readonly until?: string;
  readonly failIf?: string;
}

/** The conditions at work. */
export interface Judge {
  /** What they make of a message: pass it over, end after it, or neither. */
  verdict(message: Message): 'leftOut' | 'last' | 'more';
  /** The error to end with, once --fail-if was true. */
  readonly failure: TmqError | undefined;
}
