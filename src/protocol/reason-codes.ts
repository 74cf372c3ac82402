/**
 * The codes of MQTT: reason codes of version 5 and CONNACK return codes of version 3, one row each with the name
 * that the source uses and the text that the user reads, which is mosquitto's. Pure; knows no packet.
 */

import type {ProtocolVersion} from './message.ts';

interface CodeRow {
  readonly code: number;
  readonly name: string;
  readonly text: string;
}

/** The codes of a table by their names. */
type CodesByName<Table extends readonly CodeRow[]> = {
  readonly [Row in Table[number] as Row['name']]: Row['code'];
};

function codesByName<const Table extends readonly CodeRow[]>(table: Table): CodesByName<Table> {
  return Object.fromEntries(table.map(({name, code}) => [name, code])) as CodesByName<Table>;
}

/** CONNACK return codes of MQTT 3.1 and 3.1.1 that refuse [MQTT 3.1.1, 3.2.2.3]. */
export const returnCodeTable = [
  {code: 1, name: 'unacceptableProtocolVersion', text: 'unacceptable protocol version'},
  {code: 2, name: 'identifierRejected', text: 'identifier rejected'},
  {code: 3, name: 'serverUnavailable', text: 'broker unavailable'},
  {code: 4, name: 'badUserNameOrPassword', text: 'bad user name or password'},
  {code: 5, name: 'notAuthorized', text: 'not authorised'},
] as const satisfies readonly CodeRow[];

/** Reason codes [MQTT 5, 2.4], ascending. */
export const reasonCodeTable = [
  {code: 0x00, name: 'success', text: 'Success'},
  {code: 0x01, name: 'grantedQos1', text: 'Granted QoS 1'},
  {code: 0x02, name: 'grantedQos2', text: 'Granted QoS 2'},
  {code: 0x04, name: 'disconnectWithWill', text: 'Disconnect with Will Message'},
  {code: 0x10, name: 'noMatchingSubscribers', text: 'No matching subscribers'},
  {code: 0x11, name: 'noSubscriptionExisted', text: 'No subscription existed'},
  {code: 0x18, name: 'continueAuthentication', text: 'Continue authentication'},
  {code: 0x19, name: 'reAuthenticate', text: 'Re-authenticate'},
  {code: 0x80, name: 'unspecifiedError', text: 'Unspecified error'},
  {code: 0x81, name: 'malformedPacket', text: 'Malformed Packet'},
  {code: 0x82, name: 'protocolError', text: 'Protocol Error'},
  {code: 0x83, name: 'implementationSpecificError', text: 'Implementation specific error'},
  {code: 0x84, name: 'unsupportedProtocolVersion', text: 'Unsupported Protocol Version'},
  {code: 0x85, name: 'clientIdentifierNotValid', text: 'Client Identifier not valid'},
  {code: 0x86, name: 'badUserNameOrPassword', text: 'Bad User Name or Password'},
  {code: 0x87, name: 'notAuthorized', text: 'Not authorized'},
  {code: 0x88, name: 'serverUnavailable', text: 'Server unavailable'},
  {code: 0x89, name: 'serverBusy', text: 'Server busy'},
  {code: 0x8a, name: 'banned', text: 'Banned'},
  {code: 0x8b, name: 'serverShuttingDown', text: 'Server shutting down'},
  {code: 0x8c, name: 'badAuthenticationMethod', text: 'Bad authentication method'},
  {code: 0x8d, name: 'keepAliveTimeout', text: 'Keep Alive timeout'},
  {code: 0x8e, name: 'sessionTakenOver', text: 'Session taken over'},
  {code: 0x8f, name: 'topicFilterInvalid', text: 'Topic Filter invalid'},
  {code: 0x90, name: 'topicNameInvalid', text: 'Topic Name invalid'},
  {code: 0x91, name: 'packetIdentifierInUse', text: 'Packet Identifier in use'},
  {code: 0x92, name: 'packetIdentifierNotFound', text: 'Packet Identifier not found'},
  {code: 0x93, name: 'receiveMaximumExceeded', text: 'Receive Maximum exceeded'},
  {code: 0x94, name: 'topicAliasInvalid', text: 'Topic Alias invalid'},
  {code: 0x95, name: 'packetTooLarge', text: 'Packet too large'},
  {code: 0x96, name: 'messageRateTooHigh', text: 'Message rate too high'},
  {code: 0x97, name: 'quotaExceeded', text: 'Quota exceeded'},
  {code: 0x98, name: 'administrativeAction', text: 'Administrative action'},
  {code: 0x99, name: 'payloadFormatInvalid', text: 'Payload format invalid'},
  {code: 0x9a, name: 'retainNotSupported', text: 'Retain not supported'},
  {code: 0x9b, name: 'qosNotSupported', text: 'QoS not supported'},
  {code: 0x9c, name: 'useAnotherServer', text: 'Use another server'},
  {code: 0x9d, name: 'serverMoved', text: 'Server moved'},
  {code: 0x9e, name: 'sharedSubscriptionsNotSupported', text: 'Shared Subscriptions not supported'},
  {code: 0x9f, name: 'connectionRateExceeded', text: 'Connection rate exceeded'},
  {code: 0xa0, name: 'maximumConnectTime', text: 'Maximum connect time'},
  {code: 0xa1, name: 'subscriptionIdentifiersNotSupported', text: 'Subscription identifiers not supported'},
  {code: 0xa2, name: 'wildcardSubscriptionsNotSupported', text: 'Wildcard Subscriptions not supported'},
] as const satisfies readonly CodeRow[];

export const ReturnCode = codesByName(returnCodeTable);
export const ReasonCode = codesByName(reasonCodeTable);

/** The SUBACK return code of MQTT 3.1.1 for a refused filter, whatever the reason [MQTT 3.1.1, 3.9.3]. */
export const subscriptionFailure = 0x80;

const returnTexts: ReadonlyMap<number, string> = new Map(returnCodeTable.map(({code, text}) => [code, text]));
const reasonTexts: ReadonlyMap<number, string> = new Map(reasonCodeTable.map(({code, text}) => [code, text]));

/** Whether a reason code reports a failure [MQTT 5, 2.4]. */
export function isFailure(reasonCode: number): boolean {
  return reasonCode >= 0x80;
}

/** Every reason code that reports a failure, ascending. */
export const failureCodes: readonly number[] = reasonCodeTable.map(({code}) => code).filter(isFailure);

/** The text of an MQTT 5 reason code; also right for the 0, 1, 2 and 128 of a version 3 SUBACK. */
export function reasonText(reasonCode: number): string {
  return reasonTexts.get(reasonCode) ?? 'Unknown reason';
}

/** The text of a reason code, followed by the server's reason string in parentheses where it has one. */
export function reasonSentence(reasonCode: number, reasonString?: unknown): string {
  const text = reasonText(reasonCode);
  return typeof reasonString === 'string' && reasonString !== '' ? `${text} (${reasonString})` : text;
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
};

/**
 * The reason for a refusing CONNACK, in the words that mosquitto prints after "Connection error: ". A server that
 * does not know version 5 answers with a code of version 3, so the small codes mean the same in both.
 */
export function refusalText(code: number, protocolVersion: ProtocolVersion, reasonString?: unknown): string {
  const text =
    protocolVersion < 5 || !isFailure(code)
      ? `Connection Refused: ${returnTexts.get(code) ?? 'unknown reason'}`
      : reasonSentence(code, reasonString);
  const remedy = remedies[code];
  return remedy === undefined ? text : `${text}. ${remedy}.`;
}
