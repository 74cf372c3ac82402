/**
 * The codes of MQTT: reason codes of version 5 and CONNACK return codes of version 3, one row each with the name
 * that the source uses and the text that the user reads, which is mosquitto's. Pure; knows no packet.
 */

import type {ProtocolVersion} from './message.ts';

/** `sent`: the packets in which a client may send it, PUBACK also for PUBREC, and PUBREL for PUBCOMP. */
type CodeRow = readonly [code: number, name: string, text: string, sent?: string];

/** The codes of a table by their names. */
type CodesByName<Table extends readonly CodeRow[]> = {readonly [Row in Table[number] as Row[1]]: Row[0]};

function codesByName<const Table extends readonly CodeRow[]>(table: Table): CodesByName<Table> {
  return Object.fromEntries(table.map(([code, name]) => [name, code])) as CodesByName<Table>;
}

/** CONNACK return codes of MQTT 3.1 and 3.1.1 that refuse [MQTT 3.1.1, 3.2.2.3]. */
export const returnCodeTable = [
  [1, 'unacceptableProtocolVersion', 'unacceptable protocol version'],
  [2, 'identifierRejected', 'identifier rejected'],
  [3, 'serverUnavailable', 'broker unavailable'],
  [4, 'badUserNameOrPassword', 'bad user name or password'],
  [5, 'notAuthorized', 'not authorised'],
] as const satisfies readonly CodeRow[];

/** Reason codes [MQTT 5, 2.4], ascending. */
export const reasonCodeTable = [
  [0x00, 'success', 'Success', 'puback pubrel disconnect'],
  [0x01, 'grantedQos1', 'Granted QoS 1'],
  [0x02, 'grantedQos2', 'Granted QoS 2'],
  [0x04, 'disconnectWithWill', 'Disconnect with Will Message', 'disconnect'],
  [0x10, 'noMatchingSubscribers', 'No matching subscribers', 'puback'],
  [0x11, 'noSubscriptionExisted', 'No subscription existed'],
  [0x18, 'continueAuthentication', 'Continue authentication', 'auth'],
  [0x19, 'reAuthenticate', 'Re-authenticate', 'auth'],
  [0x80, 'unspecifiedError', 'Unspecified error', 'puback disconnect'],
  [0x81, 'malformedPacket', 'Malformed Packet', 'disconnect'],
  [0x82, 'protocolError', 'Protocol Error', 'disconnect'],
  [0x83, 'implementationSpecificError', 'Implementation specific error', 'puback disconnect'],
  [0x84, 'unsupportedProtocolVersion', 'Unsupported Protocol Version'],
  [0x85, 'clientIdentifierNotValid', 'Client Identifier not valid'],
  [0x86, 'badUserNameOrPassword', 'Bad User Name or Password'],
  [0x87, 'notAuthorized', 'Not authorized', 'puback'],
  [0x88, 'serverUnavailable', 'Server unavailable'],
  [0x89, 'serverBusy', 'Server busy'],
  [0x8a, 'banned', 'Banned'],
  [0x8b, 'serverShuttingDown', 'Server shutting down'],
  [0x8c, 'badAuthenticationMethod', 'Bad authentication method'],
  [0x8d, 'keepAliveTimeout', 'Keep Alive timeout'],
  [0x8e, 'sessionTakenOver', 'Session taken over'],
  [0x8f, 'topicFilterInvalid', 'Topic Filter invalid'],
  [0x90, 'topicNameInvalid', 'Topic Name invalid', 'puback disconnect'],
  [0x91, 'packetIdentifierInUse', 'Packet Identifier in use', 'puback'],
  [0x92, 'packetIdentifierNotFound', 'Packet Identifier not found', 'pubrel'],
  [0x93, 'receiveMaximumExceeded', 'Receive Maximum exceeded', 'disconnect'],
  [0x94, 'topicAliasInvalid', 'Topic Alias invalid', 'disconnect'],
  [0x95, 'packetTooLarge', 'Packet too large', 'disconnect'],
  [0x96, 'messageRateTooHigh', 'Message rate too high', 'disconnect'],
  [0x97, 'quotaExceeded', 'Quota exceeded', 'puback disconnect'],
  [0x98, 'administrativeAction', 'Administrative action', 'disconnect'],
  [0x99, 'payloadFormatInvalid', 'Payload format invalid', 'puback disconnect'],
  [0x9a, 'retainNotSupported', 'Retain not supported'],
  [0x9b, 'qosNotSupported', 'QoS not supported'],
  [0x9c, 'useAnotherServer', 'Use another server'],
  [0x9d, 'serverMoved', 'Server moved'],
  [0x9e, 'sharedSubscriptionsNotSupported', 'Shared Subscriptions not supported'],
  [0x9f, 'connectionRateExceeded', 'Connection rate exceeded'],
  [0xa0, 'maximumConnectTime', 'Maximum connect time'],
  [0xa1, 'subscriptionIdentifiersNotSupported', 'Subscription identifiers not supported'],
  [0xa2, 'wildcardSubscriptionsNotSupported', 'Wildcard Subscriptions not supported'],
] as const satisfies readonly CodeRow[];

export const ReturnCode = codesByName(returnCodeTable);
export const ReasonCode = codesByName(reasonCodeTable);

/** The SUBACK return code of MQTT 3.1.1 for a refused filter, whatever the reason [MQTT 3.1.1, 3.9.3]. */
export const subscriptionFailure = 0x80;

const returnTexts: ReadonlyMap<number, string> = new Map(
  returnCodeTable.map(([code, , text]) => [code, text]),
);
const reasonTexts: ReadonlyMap<number, string> = new Map(
  reasonCodeTable.map(([code, , text]) => [code, text]),
);

/** Whether a reason code reports a failure [MQTT 5, 2.4]. */
export function isFailure(reasonCode: number): boolean {
  return reasonCode >= 0x80;
}

/** Every reason code that reports a failure, ascending. */
export const failureCodes: readonly number[] = reasonCodeTable.map(([code]) => code).filter(isFailure);

/** The reason codes that a client may send in a packet [MQTT 5, 2.4]. */
export function sendableCodes(packet: 'puback' | 'pubrel' | 'disconnect' | 'auth'): ReadonlySet<number> {
  const rows: readonly CodeRow[] = reasonCodeTable;
  return new Set(rows.flatMap(([code, , , sent = '']) => (sent.split(' ').includes(packet) ? [code] : [])));
}

/** The text of an MQTT 5 reason code; also right for the 0, 1, 2 and 128 of a version 3 SUBACK. */
export function reasonText(reasonCode: number): string {
  return reasonTexts.get(reasonCode) ?? 'Unknown reason';
}

/** The text of a CONNACK return code of version 3; undefined for any other code. */
export function returnText(returnCode: number): string | undefined {
  return returnTexts.get(returnCode);
}

/** The text of a reason code, followed by the server's reason string in parentheses where it has one. */
export function reasonSentence(reasonCode: number, reasonString?: unknown): string {
  const text = reasonText(reasonCode);
  if (typeof reasonString !== 'string' || reasonString === '') return text;
  // Some servers repeat the code's name: "Not authorized."
  const same = reasonString.replace(/\.$/, '').toLowerCase() === text.toLowerCase();
  return same ? text : `${text} (${reasonString})`;
}

const credentials = 'Check user name (-u) and password (-P)';

/** The remedy that the user may try, by return and reason code. */
const remedies: Readonly<Record<number, string>> = {
  [ReturnCode.unacceptableProtocolVersion]: 'Try another version with -V',
  [ReturnCode.identifierRejected]: 'Try another client id with -i',
  [ReturnCode.badUserNameOrPassword]: credentials,
  [ReturnCode.notAuthorized]: credentials,
  [ReasonCode.unsupportedProtocolVersion]:
    'Use a broker that speaks MQTT 5, or an older version with -V mqttv311',
  [ReasonCode.clientIdentifierNotValid]: 'Try another client id with -i',
  [ReasonCode.badUserNameOrPassword]: credentials,
  [ReasonCode.notAuthorized]: credentials,
  [ReasonCode.badAuthenticationMethod]: 'Try another --auth-method, or none',
};

/**
 * The reason for a refusing CONNACK, in the words that mosquitto prints after "Connection error: ". A server that
 * does not know version 5 answers with a code of version 3, so the small codes mean the same in both.
 */
export function refusalText(code: number, protocolVersion: ProtocolVersion, reasonString?: unknown): string {
  const text =
    protocolVersion < 5 || !isFailure(code)
      ? `Connection Refused: ${returnText(code) ?? 'unknown reason'}`
      : reasonSentence(code, reasonString);
  const remedy = remedies[code];
  return remedy === undefined ? text : `${text}. ${remedy}.`;
}
