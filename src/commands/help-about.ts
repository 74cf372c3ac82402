/** Help about one command. A command's bundle takes it from the bundle of all commands, which has the documents. */

import {briefHelp, commandHelp, type HelpStyle} from '../cli/help.ts';
import {commands} from './all.ts';

/** The text of --help, or the short form after a mistake, about a command that is called by `invocation`. */
export async function helpAbout(
  command: string,
  form: 'whole' | 'brief',
  invocation: string,
  style: HelpStyle,
): Promise<string> {
  const found = await commands.find(({name}) => name === command)!.load();
  return (form === 'whole' ? commandHelp : briefHelp)(found, invocation, style);
}
