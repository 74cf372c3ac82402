/**
 * The screen of `sub --watch`: one line for each topic, in order of first arrival, rewritten in place.
 * Knows escape sequences and nothing of MQTT. Whatever would break the lines (line feeds in a payload,
 * more topics than rows, a line longer than the screen is wide) is kept within its line.
 */

const clearScreen = '\u001b[2J\u001b[1;1H';
const eraseToEndOfLine = '\u001b[K';
const wrapOff = '\u001b[?7l';
const wrapOn = '\u001b[?7h';

export interface Watch {
  /** What to write first; again after the screen was resized. */
  start(): string;
  /** What to write to show `text` on the line of `topic`. */
  show(topic: string, text: string): string;
  /** What to write at the end: the cursor below the lines, the terminal as it was. */
  end(): string;
}

/** A watch titled with the broker's address; `rows` is asked each time, so a resize is seen. */
export function createWatch(broker: string, rows: () => number): Watch {
  const lineOfTopic = new Map<string, number>();
  const texts = new Map<string, string>();
  let bottom = 2;
  const at = (line: number) => `\u001b[${line};1H`;
  const line = (topic: string) => {
    const number = lineOfTopic.get(topic)!;
    // Below the last row there is nothing to write on: such topics are counted, not shown.
    return number > rows() - 1 ? '' : `${at(number)}${texts.get(topic)}${eraseToEndOfLine}`;
  };
  const rest = () => at(Math.min(bottom + 1, rows()));
  return {
    start: () =>
      `${clearScreen}${wrapOff}Broker: ${broker}${eraseToEndOfLine}\n${[...lineOfTopic.keys()].map(line).join('')}${rest()}`,
    show(topic, text) {
      if (!lineOfTopic.has(topic)) {
        lineOfTopic.set(topic, 2 + lineOfTopic.size);
        bottom = 1 + lineOfTopic.size;
      }
      texts.set(topic, text);
      return line(topic) + rest();
    },
    end: () => `${rest()}${eraseToEndOfLine}${wrapOn}`,
  };
}
