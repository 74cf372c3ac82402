/** What the answer to a request is: its own payload, always the same one, or what a command prints. */

import type {Io} from '../../io/process.ts';
import {readPayload} from '../client/payload-source.ts';
import type {ReplyPlan} from './plan.ts';
import type {Answers} from './types.ts';

/** @throws TmqError when the answer cannot be read */
export async function createAnswers({source, client}: ReplyPlan, io: Io): Promise<Answers> {
  if (source.kind === 'command') {
    const {CommandAnswers} = await import('./command-answers.ts');
    return new CommandAnswers(source, client.connection, io);
  }
  const done = {kill: () => undefined, ended: async () => undefined};
  if (source.kind === 'echo') return {...done, answerTo: async ({payload}) => payload};
  const payload = await readPayload(source, io);
  return {...done, answerTo: async () => payload};
}
