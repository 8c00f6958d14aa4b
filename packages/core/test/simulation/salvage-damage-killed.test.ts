import { testSalvageOfDamage } from '../queue/file/inspect/support/salvage-damage-cases.ts'

testSalvageOfDamage('killed')
