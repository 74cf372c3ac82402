/**
 * The options that pub, sub and rr share, and the connection they describe. Defaults live here in
 * `toClientPlan`, never in the table, so that "not given" stays visible to the checks. Opens nothing,
 * reads nothing: what needs that is described by sources (credentials.ts).
 */

import {choice, inGroup, integer, type OptionTable, type Values} from '../../cli/option.ts';
import {type ConnectionOptions, type Endpoint, eachEndpoint} from '../../client/connection-options.ts';
import {defined} from '../../defined.ts';
import {UsageError} from '../../errors.ts';
import {largestTwoByteInteger} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion, QoS} from '../../protocol/message.ts';
import {type ConnectProperties, propertyCommands, propertyNames} from '../../protocol/properties.ts';
import {type PropertySetting, parseProperty, propertiesFor} from '../../protocol/property-option.ts';
import {disallowedIn, fitsMqttString, isMqttString} from '../../protocol/topic.ts';
import {checkCredentialOptions, credentialOptions, toAuthMethod} from './credentials/credential-options.ts';
import type {ClientIdSource, CredentialSource, SecretSource} from './credentials/credentials.ts';
import {profileOption} from './environment.ts';
import {type EventsPlace, eventsOption} from './events.ts';
import {networkOptions, toCredentials, toEndpoints} from './network-options.ts';
import {warningsOf} from './option-warnings.ts';
import {type ReconnectPlan, reconnectOptions, toReconnect} from './reconnect-options.ts';
import {tlsOptions} from './tls-options.ts';
import {toWill, willOptions} from './will-options.ts';

const versions: Record<string, ProtocolVersion> = {5: 5, 311: 4, 31: 3, mqttv5: 5, mqttv311: 4, mqttv31: 3};

/** A session expiry interval that never ends [MQTT 5, 3.1.2.11.2], in seconds. */
const forever = 4_294_967_295;

/** -x: seconds, or -1, 4294967295 or ∞ for ever; decimal, hexadecimal (0x) or octal (0), as strtol reads. */
function sessionExpiry(given: string): number {
  if (given === '-1' || given === '∞') return forever;
  const match = /^\+?(?:(0x[0-9a-f]+)|0([0-7]*)|(\d+))$/i.exec(given);
  if (match === null) {
    throw new UsageError(
      /^-\d+$/.test(given)
        ? `session-expiry-interval out of range: ${given}. It is seconds, or -1 for ever.`
        : `session-expiry-interval not a number: ${given}. It is seconds, or -1 for ever.`,
    );
  }
  const [, hexadecimal, octal, plain] = match;
  const seconds = Number(hexadecimal ?? plain ?? `0o${octal === '' ? '0' : octal}`);
  if (seconds > forever) {
    throw new UsageError(`session-expiry-interval out of range: ${given}. It is at most ${forever} seconds.`);
  }
  return seconds;
}

/** Which properties -D knows, packet by packet. */
function propertyDetails(): string {
  const lists = propertyCommands.map((command) => `${command}: ${propertyNames(command).join(', ')}`);
  return `The command is the packet that gets the property. The properties of each packet: ${lists.join('; ')}. A user-property has two values, its name and its value, and may be given several times. Properties of a packet that is never sent are ignored. A broker that sends more unacknowledged messages than a receive-maximum given here, as mosquitto 2.0 does under load, ends the run with exit status 2.`;
}

function invalidKeepalive(given: string): string {
  return `Invalid keepalive given, it must be between 5 and 65535 inclusive: ${given}`;
}

/** -k: seconds; 0 turns the keep alive mechanism off [MQTT-3.1.2-24]. @throws UsageError */
function keepalive(given: string): number {
  const read = integer({minimum: 5, maximum: largestTwoByteInteger, problem: invalidKeepalive});
  return given === '0' ? 0 : read(given);
}

/** mosquitto knows no keep alive of 0. @throws UsageError */
export function checkKeepaliveOfDropIn({connection}: ClientPlan): void {
  if (connection.keepaliveSeconds === 0) throw new UsageError(invalidKeepalive('0'));
}

function checkId(option: string): (given: string) => string {
  return (given) => {
    if (given === '') throw new UsageError(`Invalid id: the argument of ${option} is empty.`);
    if (isMqttString(given) && fitsMqttString(given)) return given;
    throw new UsageError(
      `Invalid ${option} argument: it has ${isMqttString(given) ? 'more than 65535 bytes' : disallowedIn(given)}.`,
    );
  };
}

const mqttOptions = inGroup('MQTT', {
  qos: {
    flags: '-q, --qos <level>',
    summary: 'quality of service: 0, 1 or 2 (default 0)',
    noun: 'QoS',
    parse: integer({
      minimum: 0,
      maximum: 2,
      problem: (given) => `Invalid QoS given: ${given}. It is 0, 1 or 2.`,
    }) as (given: string) => QoS,
    complete: ['0', '1', '2'],
  },
  protocolVersion: {
    flags: '-V, --protocol-version <version>',
    summary: 'version of MQTT: 31, 311 or 5',
    details:
      'Also mqttv31, mqttv311 and mqttv5. The default is 311; for rr and reply it is 5. -D, -x and --auth-method set it to 5.',
    missing: '--protocol-version argument given but no version specified.',
    parse: (given: string): ProtocolVersion => {
      const version = Object.hasOwn(versions, given) ? versions[given] : undefined;
      if (version !== undefined) return version;
      throw new UsageError(
        `Invalid protocol version argument given: ${given}. It is one of ${Object.keys(versions).join(', ')}.`,
      );
    },
    complete: Object.keys(versions),
  },
  property: {
    flags: '-D, --property <command> <name> <value>',
    summary: 'set an MQTT 5 property of a packet; repeatable',
    details: propertyDetails(),
    missing:
      '--property argument given but not enough arguments specified. Its form is -D publish content-type text/plain',
    words: (following: readonly string[]) => (following[1]?.toLowerCase() === 'user-property' ? 4 : 3),
    parse: (given: string, previous: readonly PropertySetting[] | undefined): readonly PropertySetting[] => [
      ...(previous ?? []),
      parseProperty(given.split('\0')),
    ],
    assign: () => ({protocolVersion: 5}),
  },
  keepalive: {
    flags: '-k, --keepalive <seconds>',
    summary: 'keep alive interval, 5 to 65535 (default 60), or 0 for none',
    details:
      'With 0 nothing is sent only to show that the client is there, and a connection that died silently is not noticed. Not under the name of a mosquitto program.',
    noun: 'keepalive',
    parse: keepalive,
  },
  maxInflight: {
    flags: '-M, --max-inflight <count>',
    summary: 'most unacknowledged messages of QoS 1 and 2 (default 20)',
    details:
      'An MQTT 5 broker may lower it (Receive Maximum). A larger number makes pub -l faster, but more messages may then wait for a slow subscriber, and brokers drop what exceeds their limit: see -l.',
    missing: '-M argument given but max_inflight not specified.',
    parse: integer({
      minimum: 1,
      problem: (given) => `Maximum inflight messages must be greater than 0, not ${given}.`,
    }),
  },
  pipeline: {
    flags: '--pipeline',
    summary: 'send the first packets with CONNECT, without waiting for its answer',
    details:
      'Saves a round trip. MQTT allows it [MQTT 3.1.1, 3.1.4], but some brokers lose or refuse what comes before they have accepted the connection: RabbitMQ over WebSockets, mosca, Vert.x. It has an effect only with MQTT 3.1.1, a clean session, and no user name or password.',
  },
});

const sessionOptions = inGroup('Session', {
  id: {
    flags: '-i, --id <id>',
    summary: 'client id (default tmq- and 18 random letters and digits)',
    parse: checkId('-i'),
  },
  idPrefix: {
    flags: '-I, --id-prefix <prefix>',
    summary: 'client id: this prefix and the process id',
    noun: 'id prefix',
    parse: checkId('-I'),
  },
  persistent: {
    flags: '-c, --disable-clean-session',
    summary: 'keep the session on the broker; needs -i',
    details: 'With MQTT 5 the session never expires, unless -x sets a time.',
  },
  sessionExpiry: {
    flags: '-x, --session-expiry-interval <seconds>',
    summary: 'how long the session outlives the connection; sets MQTT 5',
    details: '0 to 4294967294 seconds; -1, 4294967295 or ∞ for ever.',
    noun: 'session expiry interval',
    parse: sessionExpiry,
    assign: () => ({protocolVersion: 5}),
  },
});

const generalClientOptions = {
  ...inGroup('Output', {
    debug: {
      flags: '-d, --debug',
      summary: 'show the connection and each packet on standard error',
      details:
        'Lines that begin with * show what comes before the packets: the addresses, the proxy, and the version, cipher and certificate of TLS. They are left out when tmq is started by a link with the name of a mosquitto program.',
    },
    quiet: {
      flags: '--quiet',
      summary: 'print no errors except those about the command line',
      details: 'Also suppresses the spinner and the progress line.',
    },
    color: {
      flags: '--color <when>',
      summary: 'colour on a terminal: auto, always or never',
      details:
        'Topics of -v, the lines of -d and the word Error are coloured, payloads never. With auto, NO_COLOR and FORCE_COLOR have their effect; FORCE_COLOR does not colour what -v and -d write into a pipe.',
      parse: choice(
        ['auto', 'always', 'never'],
        (given) => `Invalid --color given: ${given}. It is auto, always or never.`,
      ),
      complete: ['auto', 'always', 'never'],
    },
  }),
  optionsFile: {
    flags: '-o, --options-file <file>',
    group: 'General',
    summary: 'read options from this file instead of the usual one',
    details: 'A -o in an options file is skipped.',
    noun: 'options file',
    complete: 'file',
    parse: (given: string, previous: string | undefined): string => {
      if (previous !== undefined) throw new UsageError('Duplicate -o argument given.');
      return given;
    },
  },
  profile: profileOption,
} as const;

/** The shared rows. A command adds a row 'topic' (or overrides `url` by `subscribeUrlOption`). */
export const clientOptions = {
  ...mqttOptions,
  ...networkOptions,
  ...credentialOptions,
  ...reconnectOptions,
  ...eventsOption,
  ...sessionOptions,
  ...willOptions,
  ...tlsOptions,
  ...generalClientOptions,
} as const satisfies OptionTable;

export type ClientValues = Values<typeof clientOptions>;

/** A connection as far as words can describe it: secrets and the process id are still to come. */
export interface ConnectionPlan extends Omit<ConnectionOptions, 'clientId' | 'credentials'> {
  readonly clientId: ClientIdSource;
  readonly credentials?: CredentialSource;
  /** Where the passphrase of an encrypted key is; asked for on the terminal if not said. */
  readonly keyPassphrase?: SecretSource;
  /** Seconds for which a password of --pw-command is kept. */
  readonly passwordSeconds?: number;
  /** The region of AWS to sign for. */
  readonly awsRegion?: string;
  /** What prints headers. */
  readonly headerCommand?: string;
  /** Try the hosts in an order of their own. */
  readonly shufflesHosts?: boolean;
}

/** What the shared options say. */
export interface ClientPlan {
  readonly connection: ConnectionPlan;
  readonly reconnect: ReconnectPlan;
  /** --pipeline: send before CONNACK where nothing in it can matter. */
  readonly pipeline: boolean;
  readonly debug: boolean;
  readonly quiet: boolean;
  readonly color: 'auto' | 'always' | 'never';
  /** Where events of the connection go. */
  readonly events?: EventsPlace;
  /** About options that can have no effect. */
  readonly warnings: readonly string[];
}

/** mosquitto's limit of messages in flight, either way. */
export const defaultInFlight = 20;

export interface ClientDefaults {
  /** Where neither -V nor -D nor -x says anything. */
  readonly protocolVersion: ProtocolVersion;
  /** MQTT 5: most unacknowledged QoS 1 and 2 messages that the broker may send; 20 by default. */
  readonly receiveMaximum?: number;
}

/** The version of MQTT that will be spoken. */
export function protocolVersionOf(values: ClientValues, defaults: ClientDefaults): ProtocolVersion {
  return values.protocolVersion ?? defaults.protocolVersion;
}

/**
 * Checks the shared options against each other, in mosquitto's order, and fills in the defaults.
 * @throws UsageError for options that need or exclude each other
 */
export function toClientPlan(values: ClientValues, defaults: ClientDefaults): ClientPlan {
  const {pipeline = false, debug = false, quiet = false, color = 'auto'} = values;
  const connection = toConnection(values, defaults);
  const warnings = warningsOf(values, connection.endpoint.tls);
  const {events} = values;
  return {
    connection,
    reconnect: toReconnect(values),
    ...{pipeline, debug, quiet, color, warnings},
    ...defined({events}),
  };
}

function toConnection(values: ClientValues, defaults: ClientDefaults): ConnectionPlan {
  const protocolVersion = protocolVersionOf(values, defaults);
  const will = toWill(values, values.property, protocolVersion);
  const [endpoint, ...alternatives] = toEndpoints(values);
  const properties = connectProperties(values, protocolVersion, defaults.receiveMaximum ?? defaultInFlight);
  const clientId = toClientId(values);
  checkSession(values, protocolVersion, properties);
  const credentials = toCredentials(values);
  if (protocolVersion < 5 && credentials !== undefined && credentials.username === undefined) {
    const {password} = credentials;
    const place = password?.kind === 'environment' ? ` (here that of ${password.name})` : '';
    throw new UsageError(
      `Problem setting username and/or password: before MQTT 5 a password${place} needs a user name (-u).`,
    );
  }
  const {header: headers, headerCommand, passwordTtl: passwordSeconds, awsRegion} = values;
  checkCredentialOptions(values, endpoint, values.password);
  const authMethod = toAuthMethod(values, {protocolVersion, credentials, settings: values.property});
  const authProperties = propertiesFor(values.property, 'auth', protocolVersion);
  const disconnectProperties = propertiesFor(values.property, 'disconnect', protocolVersion);
  // Only a number that was given: mosquitto 2.0 sends many more than are allowed.
  const isChosen = propertiesFor(values.property, 'connect', protocolVersion)?.receiveMaximum !== undefined;
  return {
    endpoint,
    protocolVersion,
    clientId,
    clean: values.persistent !== true,
    keepaliveSeconds: values.keepalive ?? 60,
    maxInflight: Math.min(values.maxInflight ?? defaultInFlight, largestTwoByteInteger),
    connectTimeoutSeconds: values.connectTimeout ?? 30,
    ...(alternatives.length > 0 ? {alternatives} : {}),
    ...(values.hosts === 'random' ? {shufflesHosts: true} : {}),
    ...(values.redirect === 'off' ? {followsRedirection: false} : {}),
    ...(isChosen ? {holdsToReceiveMaximum: true} : {}),
    ...defined({credentials, will, properties, disconnectProperties, keyPassphrase: values.keyPassphrase}),
    ...defined({authMethod, authProperties, headers, headerCommand, passwordSeconds, awsRegion}),
  };
}

/** -D connect in its order, then -x or what -c implies, then Receive Maximum unless it was given. */
function connectProperties(
  values: ClientValues,
  protocolVersion: ProtocolVersion,
  receiveMaximum: number,
): ConnectProperties | undefined {
  const given = propertiesFor(values.property, 'connect', protocolVersion);
  if (protocolVersion < 5) return undefined;
  const {sessionExpiry} = values;
  if (sessionExpiry !== undefined && given?.sessionExpiryInterval !== undefined) {
    throw new UsageError(
      'Duplicate property in property list: session-expiry-interval was given by -x and by -D connect.',
    );
  }
  const properties: {-readonly [Key in keyof ConnectProperties]: ConnectProperties[Key]} = {...given};
  if (sessionExpiry !== undefined && sessionExpiry > 0) {
    properties.sessionExpiryInterval = sessionExpiry;
  } else if (sessionExpiry === undefined && values.persistent === true) {
    properties.sessionExpiryInterval ??= forever;
  }
  properties.receiveMaximum ??= receiveMaximum;
  return properties;
}

function toClientId({id, idPrefix}: ClientValues): ClientIdSource {
  if (id !== undefined && idPrefix !== undefined) {
    throw new UsageError('-i and -I argument cannot be used together. Leave one out.');
  }
  if (id !== undefined) return {kind: 'fixed', id};
  if (idPrefix !== undefined) return {kind: 'prefix', prefix: idPrefix};
  return {kind: 'random'};
}

/** A session can only be found again under an id that is the same tomorrow. */
function checkSession(
  {id, persistent}: ClientValues,
  protocolVersion: ProtocolVersion,
  properties: ConnectProperties | undefined,
): void {
  if (id !== undefined) return;
  if (protocolVersion === 5 && properties?.sessionExpiryInterval === forever) {
    throw new UsageError(
      'You must provide a client id if you are using an infinite session expiry interval. Add -i and a name.',
    );
  }
  if (persistent === true) {
    throw new UsageError('You must provide a client id if you are using the -c option. Add -i and a name.');
  }
}

/**
 * The same connection without Nagle's algorithm, which holds back a small message until the one before is acknowledged:
 * for 40 ms where one client waits for the other.
 */
export function withoutDelay(client: ClientPlan): ClientPlan {
  const atOnce = (endpoint: Endpoint): Endpoint =>
    endpoint.transport === 'unix' ? endpoint : {...endpoint, noDelay: true};
  return {...client, connection: eachEndpoint(client.connection, atOnce)};
}
