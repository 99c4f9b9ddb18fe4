package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/api"
)

func (a *app) jobCommand() *cobra.Command {
	return group("job", "Keep what to run where under a name", a.jobCreate(), a.jobList(), a.jobShow())
}

// parameterFlags are --param and --params-json.
type parameterFlags struct {
	pairs []string
	file  string
}

func (p *parameterFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&p.pairs, "param", nil, "parameter `NAME=VALUE`; VALUE is JSON if it is a whole number, true, false, null, \"text\", [list] or {object}, else a text; NAME alone is true; may be repeated")
	f.StringVar(&p.file, "params-json", "", "`FILE` with the parameters as a JSON object; --param wins")
}

// given tells whether there is any parameter.
func (p *parameterFlags) given() bool { return len(p.pairs) > 0 || p.file != "" }

// value is the JSON object, or nil when no parameter was given.
func (p *parameterFlags) value() ([]byte, error) {
	if !p.given() {
		return nil, nil
	}
	var object []byte
	var err error
	if p.file != "" {
		if object, err = os.ReadFile(p.file); err != nil {
			return nil, fmt.Errorf("read parameters: %w", err)
		}
	}
	return api.ParseParameters(object, p.pairs)
}

// jobOptions are the flags of job create.
type jobOptions struct {
	job        api.NewJob
	script     string
	version    int
	targets    []string
	parameters parameterFlags
	timeout    time.Duration
}

func (a *app) jobCreate() *cobra.Command {
	var o jobOptions
	cmd := &cobra.Command{
		Use:     "create NAME --script SCRIPT --target TARGET…",
		Short:   "Make a job",
		Example: "  epo job create nightly-cleanup --script cleanup --target web-01 --target web-02 --param Days=30 --timeout 10m",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.job.Name = args[0]
			return a.createJob(cmd.Context(), &o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.script, "script", "", "`SCRIPT` to run")
	f.IntVar(&o.version, "version", 0, "version of the script (default: the latest at each start)")
	f.StringArrayVar(&o.targets, "target", nil, "`TARGET` to run it on; may be repeated")
	f.DurationVar(&o.timeout, "timeout", 0, "end a script after this time")
	f.BoolVar(&o.job.Retryable, "retryable", false, "the script may be started again when its agent was lost: twice does no harm")
	f.IntVar(&o.job.MaxAttempts, "max-attempts", 0, "how often at most, with --retryable")
	o.parameters.add(cmd)
	complete(cmd, "script", a.names(nounScript()))
	complete(cmd, "target", a.names(nounTarget()))
	return a.addOutput(cmd)
}

func (a *app) createJob(ctx context.Context, o *jobOptions) error {
	if o.script == "" || len(o.targets) == 0 {
		return errors.New("a job needs --script and at least one --target")
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	script, err := nounScript().resolve(ctx, client, o.script)
	if err != nil {
		return err
	}
	o.job.ScriptID = script.ID
	if o.version > 0 {
		versions, err := a.versions(ctx, client, script, o.version)
		if err != nil {
			return err
		}
		o.job.ScriptVersionID = versions[0].ID
	}
	if o.job.TargetIDs, err = nounTarget().resolveAll(ctx, client, o.targets); err != nil {
		return err
	}
	if o.job.Parameters, err = o.parameters.value(); err != nil {
		return err
	}
	if o.job.TimeoutSeconds, err = wholeSeconds(o.timeout); err != nil {
		return err
	}
	created, err := client.CreateJob(ctx, o.job)
	if err != nil {
		return err
	}
	if a.output == "json" {
		return a.printJSON(created)
	}
	fmt.Fprintf(a.Out, "Created job %s\n", plainText(o.job.Name))
	return nil
}

// wholeSeconds is a time limit as the server takes it.
func wholeSeconds(d time.Duration) (int, error) {
	if d < 0 || d%time.Second != 0 {
		return 0, fmt.Errorf("timeout %s: want whole seconds", d)
	}
	return int(d / time.Second), nil
}

func (a *app) jobList() *cobra.Command {
	return a.addOutput(&cobra.Command{
		Use: "list", Short: "List the jobs", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(cmd.Context(), a, api.ViewJobs, new(api.Query).Order("name"), func(jobs []api.Job) error {
				t := table{header: []string{"NAME", "SCRIPT", "RETRYABLE", "CREATED"}}
				for _, j := range jobs {
					t.add(text(j.Name), text(j.ScriptName), text(yesNo(j.Retryable)), text(a.ago(&j.CreatedAt)))
				}
				return a.print(t, "No jobs yet. `epo job create NAME` makes one.")
			})
		},
	})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (a *app) jobShow() *cobra.Command {
	return a.addOutput(&cobra.Command{
		Use: "show JOB", Short: "Show a job", Args: cobra.ExactArgs(1),
		ValidArgsFunction: first(a.names(nounJob())),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.showJob(cmd.Context(), args[0])
		},
	})
}

func (a *app) showJob(ctx context.Context, given string) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	found, err := nounJob().resolve(ctx, client, given)
	if err != nil {
		return err
	}
	ofJob := api.Where("job_id", found.ID).Order("target_name")
	if a.output == "json" {
		return a.printRow(ctx, client, api.ViewJobs, found.ID, part{"targets", api.ViewJobTargets, ofJob})
	}
	job, err := api.One[api.Job](ctx, client, api.ViewJobs, api.Where("id", found.ID))
	if err != nil {
		return err
	}
	targets, err := api.List[api.JobTarget](ctx, client, api.ViewJobTargets, ofJob)
	if err != nil {
		return err
	}
	return a.printJob(job, targets)
}

func (a *app) printJob(job api.Job, targets []api.JobTarget) error {
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = t.TargetName
	}
	version := "the latest at each start"
	if job.ScriptVersionID != nil {
		version = *job.ScriptVersionID
	}
	limit := "none"
	if job.TimeoutSeconds != nil {
		limit = (time.Duration(*job.TimeoutSeconds) * time.Second).String()
	}
	a.fields("name", job.Name, "id", job.ID, "script", job.ScriptName, "version", version, "parameters", string(job.Parameters),
		"targets", strings.Join(names, ", "), "timeout", limit, "retryable", yesNo(job.Retryable), "max attempts", fmt.Sprint(job.MaxAttempts),
		"created", a.ago(&job.CreatedAt))
	return nil
}
