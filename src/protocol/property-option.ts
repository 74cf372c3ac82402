/**
 * The properties that -D sets: 'command name value', checked against the table of MQTT 5 properties, and
 * put together for one packet in the order in which they were given. Pure; knows no command line.
 */

import {UsageError} from '../errors.ts';
import {
  type ConnectProperties,
  type DisconnectProperties,
  type Properties,
  type PropertyCommand,
  type PropertyDefinition,
  type PropertyType,
  type ProtocolVersion,
  propertyTable,
  type SubscribeProperties,
  type UnsubscribeProperties,
  type WillProperties,
} from './message.ts';
import {fitsMqttString, isMqttString, isPublishTopic} from './topic.ts';

/** One property as given, and the packet it is for. */
export interface PropertySetting {
  readonly command: PropertyCommand;
  readonly definition: PropertyDefinition;
  readonly value: number | string | Uint8Array | readonly [name: string, value: string];
}

export interface PropertiesOf {
  readonly connect: ConnectProperties;
  readonly publish: Properties;
  readonly will: WillProperties;
  readonly subscribe: SubscribeProperties;
  readonly unsubscribe: UnsubscribeProperties;
  readonly disconnect: DisconnectProperties;
}

/** The packets whose properties a client may set. */
export const propertyCommands = [
  'connect',
  'publish',
  'will',
  'subscribe',
  'unsubscribe',
  'disconnect',
] as const satisfies readonly PropertyCommand[];

/** Packets that MQTT 5 knows, but whose properties no option sets. */
const otherCommands = [
  'connack',
  'puback',
  'pubrec',
  'pubrel',
  'pubcomp',
  'suback',
  'unsuback',
  'auth',
] as const;

const largest: Readonly<Partial<Record<PropertyType, number>>> = {
  byte: 255,
  u16: 65_535,
  u32: 4_294_967_295,
  varint: 268_435_455,
};

/** Narrower than the type: flags are 0 or 1, and these must not be 0 [MQTT 5, 3.1.2.11, 3.3.2.3, 3.8.2.1]. */
const flags = new Set([
  'payload-format-indicator',
  'request-problem-information',
  'request-response-information',
]);
const positive = new Set([
  'receive-maximum',
  'topic-alias',
  'maximum-packet-size',
  'subscription-identifier',
]);

/**
 * Reads 'command name value', or 'command user-property name value'; command and name in any case.
 * @throws UsageError in mosquitto's words
 */
export function parseProperty(words: readonly string[]): PropertySetting {
  const [command = '', name = '', ...values] = words;
  const packet = command.toLowerCase();
  const known = propertyCommands.find((each) => each === packet);
  if (known === undefined && !otherCommands.some((each) => each === packet)) {
    throw new UsageError(
      `Invalid command ${command} given in --property argument. It is one of ${propertyCommands.join(', ')}.`,
    );
  }
  const definition = propertyTable.find((each) => each.name === name.toLowerCase());
  if (definition === undefined) {
    throw new UsageError(
      `Invalid property name ${name} given in --property argument. ${known === undefined ? 'There is none of that name' : `Names for ${known}: ${namesFor(known)}`}.`,
    );
  }
  if (known === undefined || (known === 'publish' && definition.name === 'subscription-identifier')) {
    throw new UsageError(
      `${name} property not supported for ${command} in --property argument. ${placesOf(definition)}`,
    );
  }
  if (!definition.commands.includes(known)) {
    throw new UsageError(
      `${name} property not allowed for ${command} in --property argument. ${placesOf(definition)}`,
    );
  }
  return {command: known, definition, value: parseValue(definition, values)};
}

function namesFor(command: PropertyCommand): string {
  return propertyTable
    .filter(({commands}) => commands.includes(command))
    .map(({name}) => name)
    .join(', ');
}

/** Where a property could be given instead. */
function placesOf({name, commands}: PropertyDefinition): string {
  const places = propertyCommands.filter(
    (each) => commands.includes(each) && !(each === 'publish' && name === 'subscription-identifier'),
  );
  return places.length === 0 ? 'Only a broker may send it.' : `It goes with ${places.join(', ')}.`;
}

function parseValue(definition: PropertyDefinition, values: readonly string[]): PropertySetting['value'] {
  const {name, type} = definition;
  const [first = '', second = ''] = values;
  switch (type) {
    case 'pair':
      return [checkString(name, first), checkString(name, second)];
    case 'utf8':
      if (name === 'response-topic' && isMqttString(first) && !isPublishTopic(first)) {
        throw new UsageError(`Invalid response topic '${first}', does it contain '+' or '#'?`);
      }
      return checkString(name, first);
    case 'binary': {
      const bytes = Buffer.from(first);
      if (bytes.length > 65_535) throw new UsageError(`Property value too long for property ${name}.`);
      return bytes;
    }
    default:
      return checkNumber(name, type, first);
  }
}

function checkString(name: string, text: string): string {
  if (!isMqttString(text)) throw new UsageError(`Malformed UTF-8 in --property argument for ${name}.`);
  if (!fitsMqttString(text)) throw new UsageError(`Property value too long for property ${name}.`);
  return text;
}

function checkNumber(name: string, type: PropertyType, text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  const maximum = flags.has(name) ? 1 : largest[type]!;
  const minimum = positive.has(name) ? 1 : 0;
  // NaN fails both comparisons.
  if (!(number >= minimum && number <= maximum)) {
    throw new UsageError(
      `Property value (${text}) out of range for property ${name}. It is a number from ${minimum} to ${maximum}.`,
    );
  }
  return number;
}

/**
 * The properties of one packet, or undefined where none was given. DISCONNECT has none before MQTT 5, and
 * says so silently: mosquitto_sub could not stop any more.
 * @throws UsageError for a property given twice, and for properties of a protocol that has none
 */
export function propertiesFor<Packet extends PropertyCommand>(
  settings: readonly PropertySetting[] | undefined,
  command: Packet,
  protocolVersion: ProtocolVersion,
): PropertiesOf[Packet] | undefined {
  const given = (settings ?? []).filter((setting) => setting.command === command);
  if (given.length === 0 || (command === 'disconnect' && protocolVersion < 5)) return undefined;
  if (protocolVersion < 5) {
    throw new UsageError(`-D ${command} is not supported before MQTT 5. Leave out -V, or say -V 5.`);
  }
  const properties: Record<string, unknown> = {};
  for (const {definition, value} of given) {
    const {key, name} = definition;
    const previous = properties[key];
    if (name !== 'user-property' && previous !== undefined) {
      throw new UsageError(`Duplicate property in property list: -D ${command} ${name} was given twice.`);
    }
    properties[key] = name === 'user-property' ? [...((previous as unknown[]) ?? []), value] : value;
  }
  return properties as PropertiesOf[Packet];
}
