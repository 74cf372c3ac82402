/** The whole page: in wide windows topics, messages and one more panel side by side, in others one panel at a time. */

import type {LinkState} from '../broker/broker-link.ts';
import {type PageModel, type Panel, panels} from '../model.ts';
import {grouped} from '../state/units.ts';
import {type ComponentChildren, useEffect, useState} from '../ui.ts';
import {Clients} from './clients.tsx';
import {Details} from './details.tsx';
import {Faults} from './faults.tsx';
import {Login} from './login.tsx';
import {Messages} from './messages.tsx';
import {Publish} from './publish.tsx';
import {Tabs} from './tabs.tsx';
import {Topics} from './topics.tsx';
import {useModel} from './use-model.ts';

const wide = '(min-width: 1000px)';

function useWide(): boolean {
  const [isWide, setWide] = useState(() => matchMedia(wide).matches);
  useEffect(() => {
    const query = matchMedia(wide);
    const changed = () => setWide(query.matches);
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, []);
  return isWide;
}

const labels: Readonly<Record<Panel, string>> = {
  topics: 'Topics',
  messages: 'Messages',
  details: 'Details',
  publish: 'Publish',
  clients: 'Clients',
  faults: 'Faults',
};

export function App({model}: {readonly model: PageModel}) {
  useModel(model);
  const isWide = useWide();
  const {state} = model.link;
  if (state.kind === 'login') return <Login model={model} problem={state.problem} />;
  const beside = ({id}: {id: Panel}) => !isWide || (id !== 'topics' && id !== 'messages');
  const tabs = panels.map((id) => ({id, label: labels[id]})).filter(beside);
  const panel = tabs.some(({id}) => id === model.panel) ? model.panel : 'details';
  const views: Readonly<Record<Panel, () => ComponentChildren>> = {
    topics: () => <Topics model={model} />,
    messages: () => <Messages model={model} isWide={isWide} />,
    details: () => <Details model={model} />,
    publish: () => <Publish model={model} />,
    clients: () => <Clients model={model} />,
    faults: () => <Faults model={model} />,
  };
  const isOwnPanel = panel === 'topics' || panel === 'messages';
  return (
    <>
      <Header model={model} />
      <main class={isWide ? 'wide' : 'narrow'}>
        {isWide && views.topics()}
        {isWide && views.messages()}
        <div class="side">
          <Tabs
            label="Panels"
            tabs={tabs}
            chosen={panel}
            onChoose={(chosen) => model.show(chosen)}
            panelId="side"
          />
          <div
            id="side"
            class={isOwnPanel ? 'side-panel whole' : 'side-panel'}
            role="tabpanel"
            aria-labelledby={`side-${panel}`}
          >
            {views[panel]()}
          </div>
        </div>
      </main>
    </>
  );
}

function stateWords(state: LinkState): string {
  switch (state.kind) {
    case 'online':
      return 'Connected';
    case 'gone':
      return state.reason ?? 'The broker is gone. Trying again…';
    case 'stranger':
      return 'The broker has started anew: open the address that it has printed now.';
    default:
      return 'Connecting…';
  }
}

function Header({model}: {readonly model: PageModel}) {
  const {link, rate, total, notice} = model;
  return (
    <header class="head">
      <h1>
        tmq <small>broker</small>
      </h1>
      <span class={`state ${link.state.kind}`} role="status">
        {stateWords(link.state)}
      </span>
      {link.state.kind === 'online' && <span class="urls">{link.urls.join(' · ')}</span>}
      <span class="grow" />
      <span class="count">
        {grouped(rate)}/s, {grouped(total)} {total === 1 ? 'message' : 'messages'}
      </span>
      {notice !== undefined && (
        <p class="notice" role="alert">
          {notice}{' '}
          <button
            type="button"
            class="quiet"
            onClick={() => {
              model.notice = undefined;
              model.changed();
            }}
          >
            Dismiss
          </button>
        </p>
      )}
    </header>
  );
}
