import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { conformanceChecklist } from './conformance-checklist.ts';
import { networkChecklist } from './network-checklist.ts';
import { workloadChecklist } from './workload-checklist.ts';

const checklist = [...conformanceChecklist, ...workloadChecklist, ...networkChecklist];
const root = join(import.meta.dirname, '..');

describe('the checklist of conformance', () => {
  it('names tests that there are', () => {
    const lost = checklist.flatMap(([upstream, ours]) =>
      'not' in ours
        ? []
        : ours
            .filter(([file, text]) => !readFileSync(join(root, file), 'utf8').includes(text))
            .map(([file, text]) => `${upstream}: ${file} has no ${JSON.stringify(text)}`),
    );
    expect(lost).toEqual([]);
  });

  it('names each of upstream once', () => {
    const names = checklist.map(([upstream]) => upstream);
    expect(new Set(names).size).toBe(names.length);
  });
});
