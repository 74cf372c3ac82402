/** The language of conditions, for the manual of sub and `tmq help conditions`. */

import type {ManualSection} from '../../cli/command.ts';

export const conditionsSection: ManualSection = {
  title: 'Conditions',
  text: [
    'What --where, --until and --fail-if take: a comparison, or several joined by and, or, not and parentheses, as in .temperature > 30 and not topic ~ "^test/". In a shell, single quotes around the condition keep it together. A wrong condition ends tmq with a line that names the column, before it connects.',
    'A payload that is not JSON, or is nested more than 1000 levels deep, makes no error: what a path asks of it is undefined, and so is a field that is not there.',
  ],
  remarks: {
    '.': 'The payload, where it is JSON. The path .a.b is a field of a field, .a[0] the first element of a list, and .["odd key"] a field whose name is not made of letters, digits, _, $ and -, or that begins with a digit.',
    'topic, qos, retain, payload':
      'The topic; 0, 1 or 2; true or false; the payload as text, with U+FFFD in place of what is not UTF-8.',
    '"text", \'text\'':
      'A string, with the escapes of JSON such as \\n and \\u00e9; \\" and \\\' are quotes, \\\\ is a backslash.',
    '21, -1.5e3, true, false, null':
      'Values as in JSON. An integer beyond 2^53 is an error, because numbers have gaps there.',
    '== and !=':
      'Equal, and not equal. A number, a string, true, false and null equal only a value of the same type. A list, an object and what is undefined equal nothing: == is false, and != is true.',
    '< <= > >=':
      'For two numbers, or two strings, which are compared by the codes of their characters. For any other pair, they are false.',
    '~ "expression"':
      'True for a string in which the regular expression, in the syntax of JavaScript (flag u), is found. A backslash is part of the expression: "\\d+" is a number. No text takes long to compare; look-ahead, look-behind and back-references are therefore not supported.',
    'not, and, or':
      'In this order; not .a == 1 is not (.a == 1). Without an operator, a value is true when it is defined, and neither false nor null: .a asks whether there is such a field.',
  },
};
