/** From the values of rr to what is to be done. Pure. */

import type {SubscribeOptions} from '../../client/types.ts';
import {defined} from '../../defined.ts';
import {UsageError} from '../../errors.ts';
import type {ProtocolVersion, Publication} from '../../protocol/message.ts';
import type {Properties} from '../../protocol/properties.ts';
import {propertiesFor} from '../../protocol/property-option.ts';
import {type ClientPlan, defaultInFlight, toClientPlan, withoutDelay} from '../client/client-options.ts';
import {checkUrlTopic} from '../client/network-options.ts';
import {type PayloadSource, payloadSource} from '../client/payload-source.ts';
import {type ReceiveValues, retainOptions} from '../client/receive-options.ts';
import type {RrValues} from './options.ts';

export interface RrPlan {
  readonly client: ClientPlan;
  /** 'lines': a request for each line of standard input. */
  readonly source: PayloadSource | {readonly kind: 'lines'};
  /** Without response topic, and with correlation data only where they were given. */
  readonly request: Publication;
  /** Absent: to be made up. */
  readonly responseTopic?: string;
  /** What the one that is made up begins with; absent: what the broker says, or a default. */
  readonly responsePrefix?: string;
  readonly subscribe: SubscribeOptions;
  readonly output: ReceiveValues;
  /** The retain flag does not mean a stale message: none was asked for, and live ones keep the flag they had. */
  readonly takesRetained: boolean;
  readonly latency: boolean;
  /** How many responses are waited for; with --idle it may be infinite. */
  readonly count: number;
  readonly idleSeconds?: number;
  readonly timeoutSeconds?: number;
}

/** The sentence about what a request must have, which is mosquitto's. */
export function incomplete(missing: string): UsageError {
  return new UsageError(
    `All of topic, message, and response topic must be supplied. Missing: ${missing}, as in tmq rr -t request -e response -m Hello`,
  );
}

/** @throws UsageError */
export function toRrPlan(values: RrValues): RrPlan {
  const {topic, stdinLine = false, idle: idleSeconds} = values;
  const {count = idleSeconds === undefined ? 1 : Number.POSITIVE_INFINITY} = values;
  const isSingle = count === 1 && !stdinLine;
  const client = toClientPlan(values, {
    protocolVersion: 5,
    receiveMaximum: isSingle ? 1 : stdinLine ? defaultInFlight : Math.min(count, defaultInFlight),
  });
  const given = payloadSource(values, stdinLine ? 1 : 0);
  const source = stdinLine ? ({kind: 'lines'} as const) : given;
  if (topic === undefined) checkUrlTopic(values);
  if (topic === undefined) throw incomplete('-t');
  if (source === undefined) throw incomplete('one of -m, -f, -n, -s and -l');
  const version = client.connection.protocolVersion;
  const properties = propertiesFor(values.property, 'publish', version);
  checkLines(values, version, properties);
  const responseTopic = toResponseTopic(values, version, properties);
  const {responsePrefix, qos = 0, timeout: timeoutSeconds} = values;
  const asksBroker = responseTopic === undefined && responsePrefix === undefined;
  const connection = asksBroker ? askingForInformation(client) : client;
  return {
    client: values.latency === true || stdinLine ? withoutDelay(connection) : connection,
    source,
    request: {topic, qos, retain: false, ...defined({properties})},
    ...subscription(values, version),
    output: values,
    latency: values.latency ?? false,
    count,
    ...defined({responseTopic, responsePrefix, idleSeconds, timeoutSeconds}),
  };
}

function subscription(
  values: RrValues,
  version: ProtocolVersion,
): Pick<RrPlan, 'subscribe' | 'takesRetained'> {
  const takesRetained = version === 5 && values.retainAsPublished === true;
  const properties = propertiesFor(values.property, 'subscribe', version);
  const subscribe = {
    qos: values.qos ?? 0,
    ...retainOptions(values),
    // Otherwise a stale answer looks like one that is published as retained.
    ...(takesRetained ? {retainHandling: 2 as const} : {}),
    ...defined({properties}),
  };
  return {subscribe, takesRetained};
}

/** @throws UsageError where a request for each line cannot be */
function checkLines(
  {stdinLine, count, idle}: RrValues,
  version: ProtocolVersion,
  properties: Properties | undefined,
): void {
  if (stdinLine !== true) return;
  if (version < 5) {
    throw new UsageError(
      '-l needs MQTT 5, because each request has correlation data of its own. Leave out -V, or say -V 5.',
    );
  }
  if (properties?.correlationData !== undefined) {
    throw new UsageError(
      '-l and -D publish correlation-data cannot be used together: each request has data of its own.',
    );
  }
  const other = count !== undefined ? '-C' : idle !== undefined ? '--idle' : undefined;
  if (other !== undefined)
    throw new UsageError(`-l and ${other} cannot be used together: each line has one response.`);
}

/** The one that was given; undefined where it is to be made up. @throws UsageError */
function toResponseTopic(
  {responseTopic, responsePrefix}: RrValues,
  version: ProtocolVersion,
  properties: Properties | undefined,
): string | undefined {
  const ofProperty = properties?.responseTopic;
  if (responseTopic !== undefined && ofProperty !== undefined) {
    throw new UsageError('Duplicate response topic: it was given by -e and by -D publish response-topic.');
  }
  const given = responseTopic ?? ofProperty;
  if (given === undefined && version < 5) throw incomplete('-e, which only MQTT 5 can do without');
  if (given !== undefined && responsePrefix !== undefined) {
    throw new UsageError(
      '--response-prefix and a response topic (-e) cannot be used together: the prefix is for one that tmq makes up.',
    );
  }
  return given;
}

/** Asks the broker what response topics begin with [MQTT 5, 3.1.2.11.6], unless -D says something about that. */
function askingForInformation(client: ClientPlan): ClientPlan {
  const {connection} = client;
  const properties = {requestResponseInformation: 1, ...connection.properties};
  return {...client, connection: {...connection, properties}};
}
