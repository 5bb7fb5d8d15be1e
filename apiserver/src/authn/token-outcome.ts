import type { UserInfo } from '../registry/strategy.ts';

/** What a kind of token says about a text: whose it is, why it does not hold, or (undefined) that it is not of its kind. */
export type TokenOutcome =
  | {
      readonly kind: 'user';
      readonly user: UserInfo;
      /** Those of the asked audiences that the token is meant for. */
      readonly audiences: readonly string[];
    }
  | { readonly kind: 'refused'; readonly reason: string };

export interface TokenAuthenticator {
  /** `audiences`: of whom the token must be meant for one. */
  authenticate(token: string, audiences: readonly string[]): TokenOutcome | undefined;
}

/** Longer ones are not looked at. */
const tokenCharactersMax = 16 * 1024;

/** Asks each kind in turn; the first that knows the token decides. */
export class TokenKinds implements TokenAuthenticator {
  readonly #kinds: readonly TokenAuthenticator[];

  constructor(kinds: readonly TokenAuthenticator[]) {
    this.#kinds = kinds;
  }

  authenticate(token: string, audiences: readonly string[]): TokenOutcome | undefined {
    if (token.length > tokenCharactersMax) return undefined;
    for (const kind of this.#kinds) {
      const outcome = kind.authenticate(token, audiences);
      if (outcome) return outcome;
    }
    return undefined;
  }
}

/** For tokens that name no audience: they are meant for the API server. */
export function forApiServer(
  user: UserInfo,
  apiAudiences: readonly string[],
  asked: readonly string[],
): TokenOutcome | undefined {
  const audiences = asked.filter((audience) => apiAudiences.includes(audience));
  return audiences.length > 0 ? { kind: 'user', user, audiences } : undefined;
}
