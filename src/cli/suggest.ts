/** "Did you mean …?": the known word nearest to what was typed, if one is near enough. */

/**
 * The candidate within a third of its length (at least one edit) of the word typed, the nearest first.
 * Single-dash words are compared with long options too: '-topic' is near '--topic'.
 */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  let best: {readonly candidate: string; readonly distance: number} | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    const limit = Math.max(1, Math.floor(candidate.replace(/^-+/, '').length / 3));
    if (distance <= limit && (best === undefined || distance < best.distance)) best = {candidate, distance};
  }
  return best?.candidate;
}

/** What other programs take, and people type without thinking. */
const habits: Readonly<Record<string, string>> = {
  '-h': '--help',
  '-?': '--help',
  '-v': '--version',
  '-V': '--version',
  request: 'rr',
  call: 'rr',
  respond: 'reply',
  responder: 'reply',
  answer: 'reply',
  load: 'bench',
  benchmark: 'bench',
  stress: 'bench',
  send: 'pub',
  listen: 'sub',
  read: 'sub',
  mosquitto: 'broker',
  serve: 'broker',
  server: 'broker',
  start: 'broker',
  user: 'passwd',
  password: 'passwd',
};

/** The command, or the option of the program, that was meant: also by its whole word or by mosquitto's name. */
export function suggestCommand(
  word: string,
  commands: readonly string[],
  options: readonly string[],
): string | undefined {
  const candidates = [...commands, ...options];
  const habit = habits[word];
  if (habit !== undefined && candidates.includes(habit)) return habit;
  if (word.startsWith('-')) return suggest(word, options);
  const stem = word.replace(/^mosquitto_/, '');
  const whole = commands.find((name) => stem.startsWith(name) && name.length > 2);
  return suggest(stem, commands) ?? whole ?? suggest(`--${word}`, options);
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
export function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({length: right.length + 1}, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      if (
        row > 1 &&
        column > 1 &&
        left[row - 1] === right[column - 2] &&
        left[row - 2] === right[column - 1]
      ) {
        cost = Math.min(cost, beforeLast[column - 2]! + 1);
      }
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length]!;
}
