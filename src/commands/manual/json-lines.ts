/** The manual's section on lines of JSON that carry whole messages. */

import type {ManualSection} from '../../cli/command.ts';

const section: ManualSection = {
  title: 'JSON lines',
  text: [
    'tmq sub --json prints a message as one line, an object as that of %j (see tmq-formats(5)). tmq pub --json reads such lines and publishes each message as it was: topic, payload byte for byte, QoS, retain flag and, with -V 5, properties. The retain flag of a message that was not retained before comes only with MQTT 5. Between the two, any program may choose or change lines, such as jq -c.',
    'In a line for tmq pub --json every key may be left out; null is the same. Keys that are not here are passed over, and so are properties that belong to one connection: topic-alias and subscription-identifier.',
  ],
  remarks: {
    topic: 'The topic. -t stands for one that is left out.',
    payload:
      'The payload. A string without "payload-encoding" is text; an object, a list, a number, true and false are sent as they are written in the line; null is an empty payload.',
    'payload-encoding':
      '"json": what stands behind "payload" is the payload itself, to the byte, so that numbers keep their digits. "base64": the payload is bytes that are no text. tmq sub --json leaves it out for text, and for JSON with a line break in it or blanks around it.',
    qos: '0, 1 or 2. -q stands for one that is left out.',
    retain: 'true or false. -r stands for one that is left out.',
    properties:
      'An object with the properties by their names. "correlation-data-encoding":"base64" is for correlation data that is no text; "user-properties" is a list of objects with one key each. -D publish stands for properties that are left out.',
  },
};

/** For tmq-formats(5). */
export const jsonLinesFormat = section;

/** For the pages of pub and sub, with examples. */
export const jsonLinesSection: ManualSection = {
  ...section,
  literal: [
    "tmq sub -t 'a/#' --json -C 3 | tmq pub --json --map 's#^a#b#'",
    "tmq sub -t 'a/#' -q 1 --json -C 3 | jq -c 'select(.qos > 0) | .topic = \"c\"' | tmq pub --json",
  ],
};
