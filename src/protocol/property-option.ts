/**
 * The properties that -D sets: 'command name value', checked against the table of MQTT 5 properties, and
 * put together for one packet in the order in which they were given. Pure; knows no command line.
 */

import {UsageError} from '../errors.ts';
import {largestFourByteInteger, largestTwoByteInteger, largestVariableInteger} from './fixed-header.ts';
import type {ProtocolVersion} from './message.ts';
import {
  mayBeSet,
  type PropertiesOf,
  type PropertyCommand,
  type PropertyDefinition,
  propertyCommands,
  propertyNames,
  propertyTable,
} from './properties.ts';
import {disallowedIn, fitsMqttString, isMqttString, isPublishTopic} from './topic.ts';

/** One property as given, and the packet it is for. */
export interface PropertySetting {
  readonly command: PropertyCommand;
  readonly definition: PropertyDefinition;
  readonly value: number | string | Uint8Array | readonly [name: string, value: string];
}

/** The largest value of each integer type; a byte is a flag in every property [MQTT 5, 2.2.2.2]. */
const largest: ReadonlyMap<PropertyDefinition['type'], number> = new Map([
  ['byte', 1],
  ['u16', largestTwoByteInteger],
  ['u32', largestFourByteInteger],
  ['varint', largestVariableInteger],
]);

/**
 * Reads 'command name value', or 'command user-property name value'; command and name in any case.
 * @throws UsageError in mosquitto's words
 */
export function parseProperty(words: readonly string[]): PropertySetting {
  const [command = '', name = '', ...values] = words;
  const packet = command.toLowerCase();
  const known = propertyCommands.find((each) => each === packet);
  if (!propertyTable.some(({packets}) => packets.some((each) => each === packet))) {
    throw new UsageError(
      `Invalid command ${command} given in --property argument. It is one of ${propertyCommands.join(', ')}.`,
    );
  }
  const definition = propertyTable.find((each) => each.name === name.toLowerCase());
  if (definition === undefined) {
    throw new UsageError(
      `Invalid property name ${name} given in --property argument. ${known === undefined ? 'There is none of that name' : `Names for ${known}: ${propertyNames(known).join(', ')}`}.`,
    );
  }
  if (known === undefined || (definition.packets.includes(known) && !mayBeSet(definition, known))) {
    throw new UsageError(
      `${name} property not supported for ${command} in --property argument. ${placesOf(definition)}`,
    );
  }
  if (!definition.packets.includes(known)) {
    throw new UsageError(
      `${name} property not allowed for ${command} in --property argument. ${placesOf(definition)}`,
    );
  }
  return {command: known, definition, value: propertyValue(definition, values)};
}

/** Where a property could be given instead. */
function placesOf(definition: PropertyDefinition): string {
  const places = propertyCommands.filter((each) => mayBeSet(definition, each));
  return places.length === 0 ? 'Only a broker may send it.' : `It goes with ${places.join(', ')}.`;
}

/**
 * The value of a property as text, or the two of a user property, as the property object has it.
 * @throws UsageError for what is out of its range, or no MQTT string
 */
export function propertyValue(
  definition: PropertyDefinition,
  values: readonly string[],
): PropertySetting['value'] {
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
      if (bytes.length > largestTwoByteInteger)
        throw new UsageError(`Property value too long for property ${name}.`);
      return bytes;
    }
    default:
      return checkNumber(definition, first);
  }
}

function checkString(name: string, text: string): string {
  if (!isMqttString(text))
    throw new UsageError(`Invalid --property argument for ${name}: it has ${disallowedIn(text)}.`);
  if (!fitsMqttString(text)) throw new UsageError(`Property value too long for property ${name}.`);
  return text;
}

function checkNumber({name, type, positive}: PropertyDefinition, text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  const maximum = largest.get(type)!;
  const minimum = positive ? 1 : 0;
  // NaN fails both comparisons.
  if (!(number >= minimum && number <= maximum)) {
    throw new UsageError(
      `Property value (${text}) out of range for property ${name}. It is a number from ${minimum} to ${maximum}.`,
    );
  }
  return number;
}

/**
 * The properties of one packet, or undefined where none was given. Those of DISCONNECT are ignored before MQTT 5:
 * with an error, mosquitto_sub could not stop any more.
 * @throws UsageError for a property given twice, and for properties of a protocol that has none
 */
export function propertiesFor<Packet extends PropertyCommand>(
  settings: readonly PropertySetting[] | undefined,
  command: Packet,
  protocolVersion: ProtocolVersion,
): PropertiesOf<Packet> | undefined {
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
  return properties as PropertiesOf<Packet>;
}
