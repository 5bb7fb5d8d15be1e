/** Tokens from a file (`--token-auth-file`): lines of `token,user,uid,"group1,group2"`, the groups optional. Read once, at the start. */
import { createHash } from 'node:crypto';
import type { UserInfo } from '../registry/strategy.ts';
import { forApiServer, type TokenAuthenticator, type TokenOutcome } from './token-outcome.ts';

export class StaticTokens implements TokenAuthenticator {
  readonly #users: ReadonlyMap<string, UserInfo>;
  readonly #apiAudiences: readonly string[];

  constructor(users: ReadonlyMap<string, UserInfo>, apiAudiences: readonly string[]) {
    this.#users = new Map([...users].map(([token, user]) => [digestOf(token), user]));
    this.#apiAudiences = apiAudiences;
  }

  authenticate(token: string, audiences: readonly string[]): TokenOutcome | undefined {
    const user = this.#users.size > 0 ? this.#users.get(digestOf(token)) : undefined;
    return user && forApiServer(user, this.#apiAudiences, audiences);
  }
}

/** How long a look-up takes says nothing about the tokens that there are. */
function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

/** Throws an Error that names the line. */
export function parseTokenFile(text: string): ReadonlyMap<string, UserInfo> {
  const users = new Map<string, UserInfo>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [token = '', name = '', uid = '', groups = ''] = columnsOf(line, index + 1);
    if (token === '') throw new Error(`line ${index + 1}: the token is empty`);
    if (users.has(token)) throw new Error(`line ${index + 1}: the token stands there twice`);
    const named = groups.split(',').filter((group) => group !== '');
    users.set(token, { name, ...(uid === '' ? {} : { uid }), groups: [...named, 'system:authenticated'] });
  }
  return users;
}

const columnPattern = /\s*(?:"((?:[^"]|"")*)"|([^",]*))\s*(?:,|$)/y;

function columnsOf(line: string, number: number): string[] {
  const columns: string[] = [];
  columnPattern.lastIndex = 0;
  while (columnPattern.lastIndex < line.length) {
    const [, quoted, plain = ''] = columnPattern.exec(line) ?? fail(`line ${number}: quotes do not match`);
    columns.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'));
  }
  if (columns.length >= 3) return columns;
  return fail(`line ${number}: must have at least 3 columns (token, user name, user uid), found ${columns.length}`);
}

function fail(message: string): never {
  throw new Error(message);
}
