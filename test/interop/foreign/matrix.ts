/** The results of `npm run interop` as a page of Markdown. Runs nothing. */

/** Attempts of one cell, and the different reasons of those that failed. */
export interface Cell {
  readonly passed: number;
  readonly of: number;
  readonly problems: readonly string[];
}

type Section = 'brokers' | 'clients';

interface Row {
  readonly name: string;
  readonly scheme: string;
  /** By column; a text says why there is nothing to try. */
  readonly cells: Map<string, Cell | string>;
  set(column: string, cell: Cell | string): void;
}

const transports: Readonly<Record<string, string>> = {mqtt: 'tcp', mqtts: 'tls', ws: 'ws', wss: 'wss'};
const versions = {'level 3': 'MQTT 3.1', 'level 4': 'MQTT 3.1.1', 'level 5': 'MQTT 5'};

const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
const head = (cells: readonly string[]) => line(cells) + line(cells.map(() => '---'));

export class Matrix {
  readonly #scenarios: readonly string[];
  readonly #rows: Readonly<Record<Section, Row[]>> = {brokers: [], clients: []};
  readonly #missing: string[] = [];
  readonly #notes: string[] = [];
  failures = 0;

  constructor(scenarios: readonly string[]) {
    this.#scenarios = scenarios;
  }

  row(section: Section, name: string, scheme: string): Row {
    const cells = new Map<string, Cell | string>();
    const set = (column: string, cell: Cell | string) => {
      cells.set(column, cell);
      if (typeof cell === 'string' || cell.passed === cell.of) return;
      this.failures++;
      for (const problem of cell.problems) this.note(`${name}, ${transports[scheme]}, ${column}: ${problem}`);
    };
    const row = {name, scheme, cells, set};
    this.#rows[section].push(row);
    return row;
  }

  /** Something that could not be installed or started, and why. */
  missing(name: string, reason: string): void {
    this.#missing.push(`${name}: ${reason}`);
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  #table(section: Section, columns: Readonly<Record<string, string>>): string {
    const rows = this.#rows[section].map(({name, scheme, cells}) => {
      const shown = Object.keys(columns).map((column) => {
        const cell = cells.get(column);
        if (cell === undefined || typeof cell === 'string') return '–';
        if (cell.of > 1) return `${cell.passed}/${cell.of}`;
        return cell.passed === 1 ? 'yes' : '**no**';
      });
      return line([name, transports[scheme]!, ...shown]);
    });
    return (
      head([section === 'brokers' ? 'broker' : 'client', 'over', ...Object.values(columns)]) + rows.join('')
    );
  }

  /** What a broker does not have, a line each. */
  #reasons(): string[] {
    const reasons = this.#rows.brokers.flatMap(({name, cells}) =>
      [...cells].flatMap(([column, cell]) =>
        typeof cell === 'string' ? [`${name}, ${column}: ${cell}`] : [],
      ),
    );
    return [...new Set(reasons)];
  }

  markdown(repeat: number): string {
    const list = (title: string, items: readonly string[]) =>
      items.length === 0 ? '' : `\n## ${title}\n\n${items.map((item) => `- ${item}\n`).join('')}`;
    const day = new Date().toISOString().slice(0, 10);
    const columns = Object.fromEntries(this.#scenarios.map((name) => [name, name]));
    return `# Other people's brokers and clients

Made by \`npm run interop -- --write\` on ${day} with Node ${process.version}; ${repeat} ${repeat === 1 ? 'attempt' : 'attempts'} a cell, no second try.

## tmq pub and tmq sub at other brokers

${this.#table('brokers', columns)}
## Other clients at tmq broker

Each QoS, retained messages and, where the client has them, a will and user properties.

${this.#table('clients', versions)}${list('Not to be had', this.#missing)}${list('Not in the broker', this.#reasons())}${list('What failed', this.#notes)}`;
  }
}
