/** What a SUBACK means for the user: all denied is an error, some denied is a warning. */

import {ExitCode, TmqError} from '../../errors.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import {isFailure, reasonText} from '../../protocol/reason-codes.ts';

/** The text about one denied filter. MQTT 3.1.1 has one code for all reasons. */
function denied(filter: string, code: number, version: ProtocolVersion): string {
  return version === 5 ? `'${filter}' (${reasonText(code)})` : `'${filter}'`;
}

/**
 * Nothing where all filters were granted, the sentence of a warning where some were denied, and the error to end with
 * where all were: its status is the first reason code.
 */
export function subscriptionRefusal(
  filters: readonly string[],
  codes: readonly number[],
  version: ProtocolVersion,
): TmqError | string | undefined {
  const refused = filters.flatMap((filter, index) => {
    const code = codes[index] ?? 0;
    return isFailure(code) ? [{filter, code}] : [];
  });
  if (refused.length === 0) return undefined;
  const list = refused.map(({filter, code}) => denied(filter, code, version)).join(', ');
  if (refused.length < filters.length) return `the broker denied the subscription to ${list}.`;
  return new TmqError(
    `All subscription requests were denied: ${list}.`,
    refused[0]?.code ?? ExitCode.failure,
  );
}
