export { simulatedLabel, silentAnnotation } from './node-object.ts';
export { type RefusingServer, startRefusingServer } from './refusing-server.ts';
export { createSimulation, type Simulation, type SimulationOptions } from './simulation.ts';
export { parseStages, type Stage, StagesError, stageSets } from './stage.ts';
