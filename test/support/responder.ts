/** A client that answers requests as a test says: late, twice, out of order, with wrong correlation data. */

import {connect} from '../../src/client/connect.ts';
import type {QoS} from '../../src/protocol/message.ts';
import {copyOf, type Message} from '../../src/protocol/message.ts';
import {publication, sessionContext, sessionOptions} from './sessions.ts';

export interface Request {
  readonly message: Message;
  readonly text: string;
  /** Publishes to the response topic, by default with the correlation data of the request; null: without. */
  answer(
    text: string,
    more?: {readonly correlationData?: Uint8Array | null; readonly retain?: boolean},
  ): Promise<void>;
}

/** Resolves when it is subscribed. It ends, with what it still has to answer, when it is disposed of. */
export async function startResponder(
  port: number,
  filter: string,
  respond: (request: Request) => Promise<void>,
  {qos = 0, clientId = `responder of ${filter}`}: {readonly qos?: QoS; readonly clientId?: string} = {},
): Promise<AsyncDisposable> {
  const session = await connect(sessionOptions(port, {clientId}), sessionContext());
  const answering: Promise<void>[] = [];
  const receiving = session.receive({
    message(received) {
      const message = copyOf(received);
      const {responseTopic, correlationData: own} = message.properties ?? {};
      const answer: Request['answer'] = async (
        text,
        {correlationData = own ?? null, retain = false} = {},
      ) => {
        const properties = correlationData === null ? {} : {correlationData};
        const {topic, ...rest} = publication(responseTopic!, {qos, retain, properties});
        await session.publish(Buffer.from(text), {topic, ...rest});
      };
      answering.push(respond({message, text: Buffer.from(message.payload).toString(), answer}));
      return 'more';
    },
    flush: async () => undefined,
  });
  receiving.catch(() => undefined);
  await session.subscribe([filter], {qos});
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(answering);
      await session.end();
    },
  };
}
