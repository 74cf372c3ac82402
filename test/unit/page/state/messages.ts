/** Messages of the page, with what does not matter filled in. */

import type {PageMessage} from '../../../../src/page/state/message.ts';

/** A message to the topic t with the payload of the text. */
export function message({
  text = 'x',
  ...rest
}: Partial<PageMessage> & {readonly text?: string} = {}): PageMessage {
  const payload = rest.payload ?? Buffer.from(text);
  return {
    ...{number: 1, time: 0, topic: 't', retain: false, properties: {}},
    ...{payload, size: payload.length},
    ...rest,
  };
}
