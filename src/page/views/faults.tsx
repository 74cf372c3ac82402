/** The faults of the broker, switched on and off. */

import type {FaultSwitch, PageFaults} from '../../page-interface.ts';
import type {PageModel} from '../model.ts';
import {useEffect, useState} from '../ui.ts';

/** Rules to begin with. */
const examples = [
  'drop publish out p=0.1',
  'delay publish 200ms±50ms',
  'duplicate publish in',
  'drop puback first=1',
];

export function Faults({model}: {readonly model: PageModel}) {
  const [faults, setFaults] = useState<readonly FaultSwitch[]>([]);
  const [problem, setProblem] = useState<string>();
  const [rule, setRule] = useState('');
  /** Asks for the list, or replaces it. Resolves with whether the broker has accepted it. */
  const exchange = async (list?: readonly FaultSwitch[]): Promise<boolean> => {
    const change =
      list === undefined ? {} : {method: 'PUT' as const, body: {faults: list} satisfies PageFaults};
    const answer = await model.link.ask<PageFaults>({path: 'api/faults', ...change});
    if (answer.kind === 'done') setFaults(answer.value.faults);
    setProblem(answer.kind === 'problem' ? answer.sentence : undefined);
    return answer.kind === 'done';
  };
  useEffect(() => void exchange(), [model]);
  const add = async () => {
    if (await exchange([...faults, {rule: rule.trim(), isOn: true}])) setRule('');
  };
  return (
    <div class="form">
      <p class="remark">Faults apply to all clients but this page.</p>
      <ul class="cards" aria-label="Faults">
        {faults.map((fault, index) => (
          <li class="card line" key={index}>
            <label class="check grow">
              <input
                type="checkbox"
                checked={fault.isOn}
                onChange={() =>
                  void exchange(faults.map((each, at) => (at === index ? {...each, isOn: !each.isOn} : each)))
                }
              />
              <code>{fault.rule}</code>
            </label>
            <button
              type="button"
              class="quiet"
              aria-label={`Remove the fault ${fault.rule}`}
              onClick={() => void exchange(faults.filter((_, at) => at !== index))}
            >
              Remove
            </button>
          </li>
        ))}
        {faults.length === 0 && <li class="none">No fault is injected.</li>}
      </ul>
      <form
        class="form"
        aria-label="Add a fault"
        onSubmit={(event) => {
          event.preventDefault();
          void add();
        }}
      >
        <label class="field">
          <span>Rule, as in --fault</span>
          <input
            type="text"
            spellcheck={false}
            autocomplete="off"
            placeholder={examples[0]}
            value={rule}
            aria-invalid={problem !== undefined}
            onInput={(event) => setRule(event.currentTarget.value)}
          />
        </label>
        <p role="status" class="remark problem">
          {problem}
        </p>
        <div class="buttons">
          <button type="submit" class="main">
            Add
          </button>
        </div>
      </form>
      <p class="hint">For example:</p>
      <ul class="chips" aria-label="Examples">
        {examples.map((example) => (
          <li key={example}>
            <button type="button" class="quiet" onClick={() => setRule(example)}>
              {example}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
