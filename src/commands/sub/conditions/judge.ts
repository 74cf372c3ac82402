/** --where, --fail-if and --until: conditions → what is to be done about each message. Loaded where there is one. */

import {MessageSubject} from '../../../condition/message.ts';
import {parseCondition} from '../../../condition/parse.ts';
import {ExitCode, TmqError} from '../../../errors.ts';
import type {Message} from '../../../protocol/message.ts';
import type {ConditionTexts, Judge} from './types.ts';

type Test = (subject: MessageSubject) => boolean;

/** Of an option that is not given. */
const absent =
  (value: boolean): Test =>
  () =>
    value;

export class ConditionsJudge implements Judge {
  readonly #texts: ConditionTexts;
  readonly #subject = new MessageSubject();
  readonly #isWanted: Test;
  readonly #isLast: Test;
  readonly #isFailure: Test;
  failure: TmqError | undefined;

  /** @throws UsageError that names the option and the column */
  constructor(texts: ConditionTexts) {
    const parsed = (option: string, condition: string | undefined) =>
      condition === undefined ? undefined : parseCondition(condition, this.#subject.vocabulary, option);
    this.#texts = texts;
    this.#isWanted = parsed('--where', texts.where) ?? absent(true);
    this.#isLast = parsed('--until', texts.until) ?? absent(false);
    this.#isFailure = parsed('--fail-if', texts.failIf) ?? absent(false);
  }

  verdict(message: Message): ReturnType<Judge['verdict']> {
    const subject = this.#subject;
    subject.message = message;
    if (!this.#isWanted(subject)) return 'leftOut';
    if (this.#isFailure(subject)) {
      this.failure = new TmqError(
        `The message of '${message.topic}' fulfils --fail-if '${this.#texts.failIf}'.`,
        ExitCode.unexpected,
      );
    }
    return this.failure !== undefined || this.#isLast(subject) ? 'last' : 'more';
  }
}
