/** Chromium, driven as a person would: pages of any size and colour scheme. */

import {type Browser, chromium, type Page} from 'playwright-core';
import {patienceMilliseconds} from './spawn.ts';

export interface TestBrowser extends AsyncDisposable {
  /** Opens an address in a window of its own; errors of its scripts are in `problems`. */
  open(url: string, window?: WindowOptions): Promise<OpenPage>;
}

export interface WindowOptions {
  /** Pixels; default 1600. */
  readonly width?: number;
  readonly scheme?: 'light' | 'dark';
}

export interface OpenPage {
  readonly page: Page;
  /** Errors that no script caught, and lines of the console that are errors. */
  readonly problems: readonly string[];
}

/** Starts the installed Chromium without a window. */
export async function startBrowser(): Promise<TestBrowser> {
  const browser: Browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      '--disable-dev-shm-usage',
    ],
    env: {...process.env, DBUS_SESSION_BUS_ADDRESS: 'disabled:'},
  });
  return {
    async open(url, {width = 1600, scheme = 'light'} = {}) {
      const context = await browser.newContext({viewport: {width, height: 900}, colorScheme: scheme});
      context.setDefaultTimeout(patienceMilliseconds);
      const page = await context.newPage();
      const problems: string[] = [];
      page.on('pageerror', (error) => problems.push(String(error)));
      page.on('console', (line) => {
        if (line.type() === 'error') problems.push(line.text());
      });
      await page.goto(url);
      return {page, problems};
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
    },
  };
}
