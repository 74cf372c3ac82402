/** Answers as the responder sees them. Types only. */

import type {Payload} from '../../client/types.ts';
import type {Message} from '../../protocol/message.ts';

/** No answer: the status of what failed, and what happened, without a full stop. */
export interface NoAnswer {
  readonly status: number;
  readonly what: string;
}

export interface Answers {
  /** @throws TmqError for what no other request would change */
  answerTo(request: Message): Promise<Payload | NoAnswer>;
  /** Ends what makes answers now. */
  kill(): void;
  /** Resolves when nothing of it is left. */
  ended(): Promise<void>;
}
