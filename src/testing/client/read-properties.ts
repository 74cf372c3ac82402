/** Properties of MQTT 5 as objects, by the keys of the table. */

import {variableInteger} from '../../protocol/fixed-header.ts';
import {PacketReader} from '../../protocol/packet-reader.ts';
import {PropertyIdentifier, type PropertyPacket} from '../../protocol/properties.ts';

/**
 * Reads a property list: user properties as pairs in order [MQTT-3.3.2-18], the subscription identifiers of PUBLISH as a
 * list, binary data as copies. Undefined: it is empty.
 * @throws PacketViolation
 */
export function readProperties<Shape extends object>(
  reader: PacketReader,
  packet: PropertyPacket,
): Shape | undefined {
  const found: Record<string, unknown> = {};
  const append = (key: string, value: unknown) => {
    found[key] = [...((found[key] as readonly unknown[] | undefined) ?? []), value];
  };
  reader.properties(packet, ({definition: {identifier, key, type}, number, bytes, name}) => {
    if (type === 'pair') append(key, [name.toString(), bytes.toString()]);
    else if (packet === 'publish' && identifier === PropertyIdentifier.subscriptionIdentifier)
      append('subscriptionIdentifiers', number);
    else found[key] = type === 'utf8' ? bytes.toString() : type === 'binary' ? Buffer.from(bytes) : number;
  });
  return Object.keys(found).length === 0 ? undefined : (found as Shape);
}

/** The same for property fields of a message that stand alone, without their length. */
export function readPropertyFields<Shape extends object>(fields: Buffer): Shape | undefined {
  if (fields.length === 0) return undefined;
  return readProperties<Shape>(
    new PacketReader(Buffer.concat([variableInteger(fields.length), fields]), 0),
    'publish',
  );
}
