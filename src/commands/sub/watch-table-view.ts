/** `sub --watch` on a terminal: messages into the table, the table onto the screen. */

import {colours} from '../../io/terminal.ts';
import type {Message} from '../../protocol/message.ts';
import {OneLine, usualRows, type View, type WatchOptions} from './view.ts';
import {WatchTable} from './watch-table.ts';

const usualColumns = 80;
const secondMilliseconds = 1000;

/** Draws after each batch, and every second for the ages. */
export async function watchTableView(options: WatchOptions): Promise<View> {
  const {format, output, io, title, color} = options;
  const chalk = await colours(io, color, io.stdout);
  const table = new WatchTable(title, {topic: chalk.cyan, dim: chalk.dim});
  const size = () => ({rows: io.stdout.rows || usualRows, columns: io.stdout.columns || usualColumns});
  // Ages: they do not follow the wall clock when it is set.
  const now = () => performance.now();
  const write = (text: string) => {
    output.text(text);
    // A failure shows itself in output.closed, which ends the command.
    output.flush().catch(() => undefined);
  };
  const restart = () => write(table.start(size(), now()));
  restart();
  io.stdout.on('resize', restart);
  const timer = setInterval(() => write(table.draw(size(), now())), secondMilliseconds);
  let ended = false;
  const end = () => {
    if (!ended) output.text(`${table.draw(size(), now())}${table.end()}`);
    ended = true;
    clearInterval(timer);
    io.stdout.off('resize', restart);
  };
  return {
    count: () => undefined,
    print(message: Message) {
      const line = new OneLine();
      format(message, line, io.now);
      table.add(message.topic, line.toString(), now());
    },
    batchEnds: () => output.text(table.draw(size(), now())),
    end,
    [Symbol.dispose]() {
      // An interrupted run also leaves the terminal as it was; this write is not awaited.
      end();
      output.flush().catch(() => undefined);
    },
  };
}
