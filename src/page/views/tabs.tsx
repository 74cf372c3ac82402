/** Tabs that arrow keys move along [ARIA Authoring Practices Guide]. */

import {useRef} from '../ui.ts';

export interface Tab<Id extends string> {
  readonly id: Id;
  readonly label: string;
}

export interface TabsProps<Id extends string> {
  readonly label: string;
  readonly tabs: readonly Tab<Id>[];
  readonly chosen: Id;
  readonly onChoose: (id: Id) => void;
  /** The element that the tabs change; each tab has the id `${panelId}-${id}`. */
  readonly panelId: string;
}

export function Tabs<Id extends string>({label, tabs, chosen, onChoose, panelId}: TabsProps<Id>) {
  const list = useRef<HTMLDivElement>(null);
  const pressed = (event: KeyboardEvent) => {
    const at = tabs.findIndex(({id}) => id === chosen);
    const moves: Readonly<Record<string, number>> = {
      ArrowRight: (at + 1) % tabs.length,
      ArrowLeft: (at + tabs.length - 1) % tabs.length,
      Home: 0,
      End: tabs.length - 1,
    };
    const next = tabs[moves[event.key] ?? -1];
    if (next === undefined) return;
    event.preventDefault();
    onChoose(next.id);
    list.current?.querySelector<HTMLElement>(`#${panelId}-${next.id}`)?.focus();
  };
  return (
    <div ref={list} class="tabs" role="tablist" aria-label={label} tabIndex={-1} onKeyDown={pressed}>
      {tabs.map((tab) => (
        <button
          key={tab.id}
          type="button"
          id={`${panelId}-${tab.id}`}
          role="tab"
          aria-selected={tab.id === chosen}
          aria-controls={panelId}
          tabIndex={tab.id === chosen ? 0 : -1}
          onClick={() => onChoose(tab.id)}
        >
          {tab.label}
        </button>
      ))}
    </div>
  );
}
