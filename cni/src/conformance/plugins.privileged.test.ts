import { describeOurPlugins, describePlugins } from './plugin.suite.ts';
import { asExecutables, inProcess } from './reach.ts';

describePlugins(inProcess);
describeOurPlugins(inProcess);
describePlugins(asExecutables);
