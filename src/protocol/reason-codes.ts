/**
 * The codes of MQTT in mosquitto's words: CONNACK return codes of version 3, and the reason codes of
 * version 5. A table and three readers; knows no packet.
 */

import type {ProtocolVersion} from './message.ts';

/** CONNACK return codes of MQTT 3.1 and 3.1.1 [MQTT 3.1.1, 3.2.2.3]. */
const returnTexts: Readonly<Record<number, string>> = {
  1: 'unacceptable protocol version',
  2: 'identifier rejected',
  3: 'broker unavailable',
  4: 'bad user name or password',
  5: 'not authorised',
};

/** Reason codes [MQTT 5, 2.4]. */
const reasonTexts: Readonly<Record<number, string>> = {
  0: 'Success',
  1: 'Granted QoS 1',
  2: 'Granted QoS 2',
  4: 'Disconnect with Will Message',
  16: 'No matching subscribers',
  17: 'No subscription existed',
  24: 'Continue authentication',
  25: 'Re-authenticate',
  128: 'Unspecified error',
  129: 'Malformed Packet',
  130: 'Protocol Error',
  131: 'Implementation specific error',
  132: 'Unsupported Protocol Version',
  133: 'Client Identifier not valid',
  134: 'Bad User Name or Password',
  135: 'Not authorized',
  136: 'Server unavailable',
  137: 'Server busy',
  138: 'Banned',
  139: 'Server shutting down',
  140: 'Bad authentication method',
  141: 'Keep Alive timeout',
  142: 'Session taken over',
  143: 'Topic Filter invalid',
  144: 'Topic Name invalid',
  145: 'Packet Identifier in use',
  146: 'Packet Identifier not found',
  147: 'Receive Maximum exceeded',
  148: 'Topic Alias invalid',
  149: 'Packet too large',
  150: 'Message rate too high',
  151: 'Quota exceeded',
  152: 'Administrative action',
  153: 'Payload format invalid',
  154: 'Retain not supported',
  155: 'QoS not supported',
  156: 'Use another server',
  157: 'Server moved',
  158: 'Shared Subscriptions not supported',
  159: 'Connection rate exceeded',
  160: 'Maximum connect time',
  161: 'Subscription identifiers not supported',
  162: 'Wildcard Subscriptions not supported',
};

/** Every reason code that says that something failed, in order. */
export const failureCodes: readonly number[] = Object.keys(reasonTexts)
  .map(Number)
  .filter((code) => code >= 128);

/** Whether a reason code says that something failed [MQTT 5, 2.4]. */
export function isFailure(reasonCode: number): boolean {
  return reasonCode >= 128;
}

/** A reason code of MQTT 5 in words; also right for the 0, 1, 2 and 128 of a version 3 SUBACK. */
export function reasonText(reasonCode: number): string {
  return reasonTexts[reasonCode] ?? 'Unknown reason';
}

/** A reason code in words, and what the server adds to it in a reason string. */
export function reasonSentence(reasonCode: number, reasonString?: unknown): string {
  const text = reasonText(reasonCode);
  return typeof reasonString === 'string' && reasonString !== '' ? `${text} (${reasonString})` : text;
}

const credentials = 'Check user name (-u) and password (-P)';

/** What to do about it, by return and reason code. */
const remedies: Readonly<Record<number, string>> = {
  1: 'Try another version with -V',
  2: 'Try another client id with -i',
  4: credentials,
  5: credentials,
  132: 'Use a broker that speaks MQTT 5, or an older version with -V mqttv311',
  133: 'Try another client id with -i',
  134: credentials,
  135: credentials,
};

/**
 * Why a CONNACK refuses, as mosquitto says it after "Connection error: ". A server that does not know
 * version 5 answers it with a code of version 3, so the small codes mean the same in both.
 */
export function refusalText(code: number, protocolVersion: ProtocolVersion, reasonString?: unknown): string {
  const text =
    protocolVersion < 5 || code < 128
      ? `Connection Refused: ${returnTexts[code] ?? 'unknown reason'}`
      : reasonSentence(code, reasonString);
  const remedy = remedies[code];
  return remedy === undefined ? text : `${text}. ${remedy}.`;
}
