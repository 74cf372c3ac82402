/** The error of expectNothing. */

import {preview, shown} from '../waits/preview.ts';
import type {Published} from './types.ts';

/** A message came where none was to come. */
export class UnexpectedMessageError extends Error {
  override readonly name = 'UnexpectedMessageError';
  /** The message that came. */
  readonly published: Published;

  constructor(filter: string, published: Published) {
    const {clientId, topic, payload} = published;
    const from = clientId === undefined ? '' : ` from ${shown(clientId)}`;
    super(
      `A message to ${shown(topic)} came${from}, and none to ${filter} was expected: ${preview(payload)}`,
    );
    this.published = published;
  }
}
