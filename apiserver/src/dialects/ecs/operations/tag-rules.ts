import type { Tag } from '../model/generated/types.ts';
import { clientException } from '../wire/ecs-error.ts';

const tagsMax = 50;

/** Throws EcsError ClientException. */
export function checkTags(tags: readonly Tag[]): void {
  if (tags.length > tagsMax) throw clientException(`Too many tags: a resource has ${tagsMax} at most.`);
  const keys = new Set<string>();
  for (const { key = '' } of tags) {
    if (key === '') throw clientException('Tag keys can not be blank.');
    if (keys.has(key)) throw clientException(`Duplicate tag keys found: ${key}`);
    if (/^aws:/i.test(key)) throw clientException(`The tag key '${key}' begins with the reserved prefix aws:.`);
    keys.add(key);
  }
}
