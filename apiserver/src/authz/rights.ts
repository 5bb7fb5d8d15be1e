/** Roles broken down into single rights: what is held, found without looking through all of it. */
import type { PolicyRule } from '@slipway/api/types';

/** One verb on one thing. */
export interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  /** Undefined: every object of the resource. */
  readonly name: string | undefined;
  readonly url: string | undefined;
}

/** A rule is a product of its lists: a short text may stand for more rights than there is memory. */
export function rightsCount({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): number {
  const things = (apiGroups?.length ?? 0) * (resources?.length ?? 0) * (resourceNames?.length || 1);
  return verbs.length * (things + (nonResourceURLs?.length ?? 0));
}

export function brokenDown({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): Right[] {
  const names = resourceNames?.length ? resourceNames : [undefined];
  const ofResources = (apiGroups ?? []).flatMap((group) =>
    (resources ?? []).flatMap((resource) =>
      verbs.flatMap((verb) => names.map((name) => ({ verb, group, resource, name, url: undefined }))),
    ),
  );
  const ofPaths = (nonResourceURLs ?? []).flatMap((url) =>
    verbs.map((verb) => ({ verb, group: '', resource: '', name: undefined, url })),
  );
  return [...ofResources, ...ofPaths];
}

/** Rules of more rights than this are not broken down but compared as they are; held ones of this size are rare. */
const brokenDownMax = 10_000;

/** The names that are held of a resource, or all of them. */
type Names = 'all' | Set<string>;

export class HeldRights {
  readonly #things = new Map<string, Names>();
  /** By verb. */
  readonly #urls = new Map<string, Set<string>>();
  readonly #wide: PolicyRule[] = [];
  readonly #coversRight: (rule: PolicyRule, right: Right) => boolean;

  /** `coversRight` is asked only about rules that are too wide to be broken down. */
  constructor(owned: readonly PolicyRule[], coversRight: (rule: PolicyRule, right: Right) => boolean) {
    this.#coversRight = coversRight;
    for (const rule of owned) {
      if (rightsCount(rule) > brokenDownMax) this.#wide.push(rule);
      else for (const right of brokenDown(rule)) this.#add(right);
    }
  }

  has(right: Right): boolean {
    const { verb, url } = right;
    const isHeld =
      url === undefined
        ? this.#hasThing(right, verb) || this.#hasThing(right, '*')
        : this.#hasUrl(verb, url) || this.#hasUrl('*', url);
    return isHeld || this.#wide.some((rule) => this.#coversRight(rule, right));
  }

  #add({ verb, group, resource, name, url }: Right): void {
    if (url !== undefined) {
      const urls = this.#urls.get(verb);
      if (urls) urls.add(url);
      else this.#urls.set(verb, new Set([url]));
      return;
    }
    const key = keyOf(verb, group, resource);
    const names = this.#things.get(key);
    if (name === undefined) this.#things.set(key, 'all');
    else if (names === undefined) this.#things.set(key, new Set([name]));
    else if (names !== 'all') names.add(name);
  }

  #hasThing({ group, resource, name }: Right, verb: string): boolean {
    const slash = resource.indexOf('/');
    const resources = slash === -1 ? [resource, '*'] : [resource, `*${resource.slice(slash)}`, '*'];
    return [group, '*'].some((ownGroup) =>
      resources.some((own) => {
        const names = this.#things.get(keyOf(verb, ownGroup, own));
        return names === 'all' || (names !== undefined && name !== undefined && names.has(name));
      }),
    );
  }

  #hasUrl(verb: string, url: string): boolean {
    const urls = this.#urls.get(verb);
    if (!urls) return false;
    if (urls.has(url) || urls.has('*')) return true;
    for (const own of urls) if (own.endsWith('*') && url.startsWith(own.slice(0, -1))) return true;
    return false;
  }
}

/** The lengths keep apart what the texts alone might not. */
function keyOf(verb: string, group: string, resource: string): string {
  return `${verb.length}:${group.length}:${verb}${group}${resource}`;
}
