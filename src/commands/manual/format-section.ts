/** The language of -F, for the manual pages of sub and rr. A test holds it to what format/ understands. */

import type {ManualSection, Remarks} from '../../cli/command.ts';
import {jsonNotes} from '../../format/json.ts';

/** Every letter that may follow '%'. */
const fields: Remarks = {
  '%%': 'A percent sign.',
  '%t': 'The topic. A precision limits it to that many bytes.',
  '%p': 'The payload, byte for byte. A width also limits it to that many bytes.',
  '%x, %X':
    'The payload in hexadecimal, with small or capital letters. A width also limits it to that many bytes. A precision makes groups of that many digits, separated by the character after it, by default a space: %.2:x prints 6d:65:73.',
  '%l': 'The length of the payload in bytes.',
  '%j': 'The whole message as a JSON object on one line, with the payload as a string.',
  '%J': 'The same, but with the payload, which must be JSON, as JSON instead of a string.',
  '%q': 'The quality of service.',
  '%r': 'The retain flag, 0 or 1.',
  '%m': 'The packet identifier; 0 for QoS 0.',
  '%I': 'Date and time of arrival: 2026-11-20T07:08:32+0100.',
  '%U': 'The time of arrival in seconds since 1970, with nine decimals.',
  '%d': 'A payload of eight bytes as a number with a fraction, little-endian; with six decimals, or as many as the precision.',
  '%f': 'A payload of four bytes as a number with a fraction, little-endian.',
  '%A': 'MQTT 5: the topic alias.',
  '%C': 'MQTT 5: the content type.',
  '%D': 'MQTT 5: the correlation data, byte for byte.',
  '%E': 'MQTT 5: the rest of the message expiry interval, in seconds.',
  '%F': 'MQTT 5: the payload format indicator.',
  '%P': 'MQTT 5: the user properties, name:value, with spaces between them.',
  '%R': 'MQTT 5: the response topic.',
  '%S': 'MQTT 5: the first subscription identifier.',
};

/** For the pages of the commands that print messages. */
export const formatDifference =
  'In JSON, "retain" is true or false and "tst" ends as in +0100, as with mosquitto 2.1; 2.0 prints 0 or 1, and Z+0100.';

export const formatSection: ManualSection = {
  title: 'Output formats',
  text: [
    'Without -F the payload is printed as it is, and a newline; an empty payload prints nothing. With -v the topic and a space stand before it, and an empty payload is (null).',
    'The argument of -F is printed for each message, with a newline. In it, % introduces a part of the message, @ a part of the time, and \\ a control character.',
    'Between % and the letter may stand, in this order: - to pad on the right, 0 to pad with zeros, a width in bytes, a dot and a precision, and a punctuation character for %x. If the message has no such part, nothing is printed, or as many blanks as the width.',
    ...jsonNotes,
  ],
  remarks: {
    ...fields,
    '@': 'The character after it is a conversion of strftime(3), as in @Y-@m-@d. It is the local time, and the same for the whole format. @N is the nanoseconds of the second, @@ the character itself.',
    '\\': 'One of \\\\, \\0, \\a, \\e, \\n, \\r, \\t and \\v.',
  },
};
