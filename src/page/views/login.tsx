/** User name and password, where the broker has users. They are kept in this page's memory, and nowhere else. */

import type {PageModel} from '../model.ts';
import {useEffect, useRef, useState} from '../ui.ts';

export function Login({model, problem}: {readonly model: PageModel; readonly problem: string | undefined}) {
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const name = useRef<HTMLInputElement>(null);
  useEffect(() => name.current?.focus(), []);
  return (
    <main class="login">
      <form
        class="form card"
        aria-label="Log in"
        onSubmit={(event) => {
          event.preventDefault();
          void model.link.connect({username, password});
        }}
      >
        <h1>Log in to the broker</h1>
        <p class="hint">The page may do what this user may.</p>
        <label class="field">
          <span>User name</span>
          <input
            ref={name}
            type="text"
            autocomplete="username"
            spellcheck={false}
            value={username}
            onInput={(event) => setUsername(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>Password</span>
          <input
            type="password"
            autocomplete="current-password"
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
        <p role="alert" class="remark problem">
          {problem}
        </p>
        <button type="submit" class="main">
          Log in
        </button>
      </form>
    </main>
  );
}
