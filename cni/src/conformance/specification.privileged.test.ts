import { pluginCases } from './plugin-cases.ts';
import { asExecutables, inProcess } from './reach.ts';
import { describeSpecification } from './specification.suite.ts';

for (const plugin of pluginCases) describeSpecification(plugin, inProcess);
for (const plugin of pluginCases.filter(({ variant }) => !variant)) describeSpecification(plugin, asExecutables);
