// Asks @cloud-copilot/iam-simulate, run as it comes from npm, what it makes of our cases.
//
//   node driver.mjs FOLDER install                  nothing out; afterwards several may run at once
//   node driver.mjs FOLDER decide < cases.ndjson    one line out per case: "Allowed" | … | {"error": "…"}
//   node driver.mjs FOLDER time < cases.ndjson      one line: the median nanoseconds of a decision over all cases
//                                                  but those that it throws at, and the places of these
//
// A case has the form that crates/policy/src/cases.rs documents. FOLDER is where npm installs the program, the version
// of package-lock.json, the first time; it lies below target/.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [folder, mode] = process.argv.slice(2)

function install() {
  const here = dirname(fileURLToPath(import.meta.url))
  const stamp = join(folder, 'made-from')
  const wanted = readFileSync(join(here, 'package-lock.json'), 'utf8')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  mkdirSync(folder, { recursive: true })
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(here, file), join(folder, file))
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder, stdio: ['ignore', 2, 2] })
  writeFileSync(stamp, wanted)
}

install()
if (mode === 'install') process.exit()
const scope = join(folder, 'node_modules/@cloud-copilot')
const require = createRequire(import.meta.url)
// The package's two documented functions do not fit: one refuses actions, resources and keys that its data does not
// know, the other drops session policies. Both end in `authorize`, which is asked here.
const engine = join(scope, 'iam-simulate/dist/cjs')
const { authorize } = require(join(engine, 'core_engine/CoreSimulatorEngine.js'))
const { AwsRequestImpl } = require(join(engine, 'request/request.js'))
const { RequestContextImpl } = require(join(engine, 'requestContext.js'))
const { DiscoveryContextKeyConstraints } = require(
  join(engine, 'context_keys/discoveryContextKeyConstraints.js')
)
const { loadPolicy } = require(join(scope, 'iam-policy/dist/cjs/index.js'))

const list = (value) => (value == null ? [] : Array.isArray(value) ? value : [value])
const load = (document) => loadPolicy(document, { name: 'p' })
const FULL_ACCESS = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }]
}

/** Everything that can be done once per case: policies are loaded, the request is made. */
function prepare({ request, policies }) {
  // Where neither says whose the resource is, it is the caller's, as in our engine.
  const account =
    request.resourceAccount ?? (request.resource.split(':')[4] || request.principal.split(':')[4])
  const principal = request.principal === 'anonymous' ? { type: 'Anonymous' } : request.principal
  const levels = (given, more) =>
    list(given).map((level, index) => ({
      orgIdentifier: String(index),
      policies: [...more, ...list(level)].map(load)
    }))
  const session = list(policies.session)
  return {
    request: new AwsRequestImpl(
      principal,
      { resource: request.resource, accountId: account },
      request.action,
      new RequestContextImpl(request.context ?? {}),
      request.resource === '*'
    ),
    // It takes one session policy; several are a union.
    sessionPolicy:
      policies.session == null
        ? undefined
        : load({
            Version: session[0]?.Version ?? '2012-10-17',
            Statement: session.flatMap((policy) => list(policy.Statement))
          }),
    identityPolicies: list(policies.identity).map(load),
    serviceControlPolicies: levels(policies.scp, []),
    resourceControlPolicies: levels(policies.rcp, [FULL_ACCESS]),
    resourcePolicy: policies.resource ? load(policies.resource) : undefined,
    permissionBoundaries: policies.boundary ? list(policies.boundary).map(load) : undefined,
    vpcEndpointPolicies: undefined,
    simulationParameters: {
      simulationMode: 'Strict',
      discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([])
    },
    serviceSettings: { s3: { blockPublicAccess: undefined } }
  }
}

const cases = readFileSync(0, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line))

if (mode === 'decide') {
  const answers = cases.map((one) => {
    try {
      return authorize(prepare(one)).result
    } catch (error) {
      return { error: String(error) }
    }
  })
  process.stdout.write(answers.map((answer) => JSON.stringify(answer) + '\n').join(''))
} else if (mode === 'time') {
  const prepared = []
  const undecided = []
  cases.forEach((one, place) => {
    try {
      const ready = prepare(one)
      authorize(ready)
      prepared.push(ready)
    } catch {
      undecided.push(place)
    }
  })
  const round = () => {
    const start = process.hrtime.bigint()
    for (const one of prepared) authorize(one)
    return Number(process.hrtime.bigint() - start) / prepared.length
  }
  const until = Date.now() + 2000
  while (Date.now() < until) round()
  const times = Array.from({ length: 101 }, round).sort((a, b) => a - b)
  process.stdout.write(JSON.stringify({ medianNanoseconds: times[50], undecided }) + '\n')
} else {
  throw new Error(`the mode is install, decide or time, not ${mode}`)
}
