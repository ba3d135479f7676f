//! How the parts of a CIB are read.

mod tell;

use expect_test::{Expect, expect};
use import::cib;
use planner::rule::UnixSeconds;

/// Two members that are up, a fence device, and what the test is about. Lines about those
/// are left out of what is compared.
struct Story {
    options: &'static str,
    nodes: &'static str,
    resources: &'static str,
    constraints: &'static str,
    rest: &'static str,
    status: &'static str,
    now: Option<i64>,
}

const STORY: Story = Story {
    options: "",
    nodes: r#"<node id="1" uname="ann"/><node id="2" uname="bob"/>"#,
    resources: "",
    constraints: "",
    rest: "",
    status: r#"<node_state id="1" uname="ann" in_ccm="true" crmd="online" join="member" expected="member"/>
               <node_state id="2" uname="bob" in_ccm="true" crmd="online" join="member" expected="member"/>"#,
    now: None,
};

const PLAIN: [&str; 3] = [
    "quorate; without: Stop; places: Count",
    "node ann online",
    "node bob online",
];

impl Story {
    fn read(&self) -> cib::Cluster {
        let text = format!(
            r#"<cib have-quorum="1"><configuration><crm_config>
               <cluster_property_set id="cib-bootstrap-options">{}</cluster_property_set></crm_config>
               <nodes>{}</nodes><resources>{}</resources><constraints>{}</constraints>{}
               </configuration><status>{}</status></cib>"#,
            self.options, self.nodes, self.resources, self.constraints, self.rest, self.status
        );
        cib::read(&text, self.now.map(UnixSeconds)).unwrap()
    }

    fn told(&self) -> String {
        tell::tell(&self.read())
    }

    fn check(&self, expected: Expect) {
        let told = self.told();
        let lines: Vec<&str> = told.lines().filter(|line| !PLAIN.contains(line)).collect();
        expected.assert_eq(&lines.join("\n"));
    }
}

#[test]
fn old_and_new_names_of_options_mean_the_same() {
    let expected = r#"quorate; without: Ignore; places: Balanced no fencing opt in removed stay"#;
    for options in [
        r#"<nvpair name="stonith-enabled" value="false"/><nvpair name="stop-orphan-resources" value="no"/>
           <nvpair name="no-quorum-policy" value="ignore"/><nvpair name="symmetric-cluster" value="0"/>
           <nvpair name="placement-strategy" value="balanced"/>"#,
        r#"<nvpair name="fencing-enabled" value="off"/><nvpair name="stop-removed-resources" value="false"/>
           <nvpair name="no_quorum_policy" value="ignore"/><nvpair name="symmetric_cluster" value="n"/>
           <nvpair name="placement-strategy" value="balanced"/>"#,
    ] {
        let text = format!(
            r#"<cib have-quorum="1"><configuration><crm_config><cluster_property_set id="x">{options}
               </cluster_property_set></crm_config></configuration></cib>"#
        );
        let told = tell::tell(&cib::read(&text, None).unwrap());
        assert_eq!(told.trim_end(), expected);
    }
}

#[test]
fn without_fencing_nothing_fences_for_want_of_quorum() {
    Story {
        options: r#"<nvpair name="fencing-enabled" value="false"/>
                    <nvpair name="no-quorum-policy" value="fence"/>"#,
        ..STORY
    }
    .check(expect!["quorate; without: Stop; places: Count no fencing"]);
}

#[test]
fn nodes_come_and_go() {
    Story {
        nodes: r#"<node id="1" uname="up"/><node id="2" uname="lost"/><node id="3" uname="left"/>
                  <node id="4" uname="coming"/><node id="5" uname="unheard"/><node id="6" uname="closing"/>"#,
        status: r#"
            <node_state id="1" uname="up" in_ccm="1719000000" crmd="1719000001" join="member" expected="member"/>
            <node_state id="2" uname="lost" in_ccm="false" crmd="offline" join="member" expected="member"/>
            <node_state id="3" uname="left" in_ccm="false" crmd="offline" join="down" expected="down"/>
            <node_state id="4" uname="coming" in_ccm="true" crmd="online" join="pending" expected="member"/>
            <node_state id="6" uname="closing" in_ccm="true" crmd="online" join="member" expected="down">
              <transient_attributes id="6"><instance_attributes id="a">
                <nvpair name="shutdown" value="1719000000"/></instance_attributes></transient_attributes>
            </node_state>
            <node_state id="7" uname="stranger" in_ccm="true" crmd="online" join="member" expected="member"/>"#,
        ..STORY
    }
    .check(expect![[r#"
        node up online
        node lost offline unclean
        node left offline
        node coming pending
        node unheard offline unclean unseen
        node closing online shutting down
        note 14:13: stranger has a state and is not configured"#]]);
}

#[test]
fn health_is_summed_by_the_strategy() {
    let health = r##"<node id="1" uname="ann"><instance_attributes id="a">
          <nvpair name="#health-disk" value="yellow"/><nvpair name="#health-heat" value="-5"/>
        </instance_attributes></node>
        <node id="2" uname="bob"><instance_attributes id="b">
          <nvpair name="#health-disk" value="red"/></instance_attributes></node>"##;
    Story {
        options: r#"<nvpair name="node-health-strategy" value="progressive"/>
                    <nvpair name="node-health-base" value="100"/><nvpair name="node-health-yellow" value="-20"/>"#,
        nodes: health,
        ..STORY
    }
    .check(expect![[r#"
        node ann online health 75
        node bob online health never"#]]);
    Story {
        options: r#"<nvpair name="node-health-strategy" value="migrate-on-red"/>"#,
        nodes: health,
        ..STORY
    }
    .check(expect![[r#"
        node ann online health -5
        node bob online health never"#]]);
}

#[test]
fn what_is_nearer_to_a_resource_wins() {
    Story {
        resources: r#"
            <template id="t" class="ocf" provider="x" type="Db"><meta_attributes id="tm">
              <nvpair name="priority" value="3"/><nvpair name="migration-threshold" value="4"/></meta_attributes></template>
            <group id="g"><meta_attributes id="gm"><nvpair name="priority" value="2"/>
              <nvpair name="resource_stickiness" value="50"/><nvpair name="is_managed" value="false"/></meta_attributes>
              <primitive id="a" template="t"><meta_attributes id="am"><nvpair name="is-managed" value="true"/></meta_attributes></primitive>
              <primitive id="b" class="ocf" provider="x" type="Db"/></group>"#,
        rest: r#"<rsc_defaults><meta_attributes id="d1"><nvpair name="priority" value="1"/>
              <nvpair name="target_role" value="Stopped"/></meta_attributes>
            <meta_attributes id="d2" score="5"><rule id="r"><rsc_expression id="e" class="ocf" type="Db"/></rule>
              <nvpair name="target-role" value="Started"/><nvpair name="multiple-active" value="block"/></meta_attributes></rsc_defaults>"#,
        ..STORY
    }
    .check(expect![[r#"
        resource g: group of a b priority 2 stickiness 50 target Stopped unmanaged
        resource a: single in g priority 3 stickiness 50 if twice Block failures <= 4
        resource b: single in g priority 2 stickiness 50 unmanaged if twice Block"#]]);
}

#[test]
fn clones_have_their_own_rules_and_a_little_stickiness() {
    Story {
        resources: r#"
            <clone id="c"><meta_attributes id="cm"><nvpair name="clone-max" value="3"/><nvpair name="clone-node-max" value="2"/>
              <nvpair name="globally-unique" value="true"/><nvpair name="interleave" value="true"/><nvpair name="clone-min" value="2"/></meta_attributes>
              <primitive id="p" class="ocf" provider="x" type="A"/></clone>
            <master id="m"><meta_attributes id="mm"><nvpair name="master-max" value="2"/></meta_attributes>
              <group id="g"><primitive id="q" class="ocf" provider="x" type="A"/></group></master>"#,
        ..STORY
    }
    .check(expect![[r#"
        resource c: clone of p max 3 2 on a node unique interleaved 2 are enough stickiness 1
        resource p: single in c stickiness 1
        resource m: clone of g promoted 2, 1 on a node stickiness 1
        resource g: group of q in m stickiness 1
        resource q: single in g stickiness 1"#]]);
}

#[test]
fn sets_are_resolved_into_pairs() {
    let abcd = r#"<primitive id="a" class="ocf" provider="x" type="A"/><primitive id="b" class="ocf" provider="x" type="A"/>
        <primitive id="c" class="ocf" provider="x" type="A"/><primitive id="d" class="ocf" provider="x" type="A"/>"#;
    Story {
        resources: abcd,
        constraints: r#"
            <rsc_colocation id="co" score="INFINITY">
              <resource_set id="s1"><resource_ref id="a"/><resource_ref id="b"/></resource_set>
              <resource_set id="s2" sequential="false" role="Master"><resource_ref id="c"/><resource_ref id="d"/></resource_set></rsc_colocation>
            <rsc_order id="o" kind="Optional">
              <resource_set id="s3" sequential="false" require-all="false"><resource_ref id="a"/><resource_ref id="b"/></resource_set>
              <resource_set id="s4" action="promote"><resource_ref id="c"/><resource_ref id="d"/></resource_set></rsc_order>
            <rsc_ticket id="t" ticket="T" loss-policy="freeze">
              <resource_set id="s5"><resource_ref id="a"/><resource_ref id="nobody"/></resource_set></rsc_ticket>"#,
        ..STORY
    }
    .check(expect![[r#"
        resource a: single
        resource b: single
        resource c: single
        resource d: single
        together b with a score always
        together a with c (Promoted) score always
        together a with d (Promoted) score always
        order promote c then promote d optional
        order 1 of (start a, start b) then (promote c)
        ticket T (not granted) for a, else it stays
        note 12:59: no resource has the name nobody"#]]);
}

#[test]
fn orders_have_defaults_and_old_scores() {
    let ab = r#"<primitive id="a" class="ocf" provider="x" type="A"/><primitive id="b" class="ocf" provider="x" type="A"/>
        <clone id="c"><primitive id="p" class="ocf" provider="x" type="A"/></clone>"#;
    Story {
        resources: ab,
        constraints: r#"
            <rsc_order id="1" first="a" then="b"/>
            <rsc_order id="2" first="a" then="b" score="0" first-action="stop"/>
            <rsc_order id="3" first="a" then="b" kind="Serialize" symmetrical="true"/>
            <rsc_order id="4" first="c" then="b" require-all="false" symmetrical="false"/>
            <rsc_order id="5" first="a" then="b" require-all="false" first-action="promote" then-action="start"/>
            <rsc_order id="6" first="a" then="gone"/>
            <rsc_order id="7" first="a" then="b" first-action="notify"/>"#,
        ..STORY
    }
    .check(expect![[r#"
        resource a: single
        resource b: single
        resource c: clone of p stickiness 1
        resource p: single in c stickiness 1
        order start a then start b
        order stop a then stop b optional
        order start a then start b never at once one way
        order promote a then start b
        order 1 of (start c) then (start b)
        note 10:13: no resource has the name gone
        note 11:13: an order of the action notify has no words here"#]]);
}

#[test]
fn locations_by_node_rule_pattern_and_set() {
    Story {
        nodes: r#"<node id="1" uname="ann"><instance_attributes id="x"><nvpair name="load" value="9"/>
                    <nvpair name="home-a" value="yes"/></instance_attributes></node>
                  <node id="2" uname="bob"><instance_attributes id="y"><nvpair name="load" value="10"/></instance_attributes></node>"#,
        resources: r#"<primitive id="rsc-a" class="ocf" provider="x" type="A"><instance_attributes id="i"><nvpair name="limit" value="10"/></instance_attributes></primitive>
            <primitive id="rsc-b" class="ocf" provider="x" type="A"/>"#,
        constraints: r##"
            <rsc_location id="1" rsc="rsc-a" node="bob" score="-INFINITY" resource-discovery="never"/>
            <rsc_location id="2" rsc="rsc-a" node="nobody" score="1"/>
            <rsc_location id="3" rsc="rsc-a"><rule id="r" score="5" role="Promoted">
              <expression id="e" attribute="load" operation="lt" value="limit" value-source="param"/></rule></rsc_location>
            <rsc_location id="4" rsc-pattern="^rsc-(.)$"><rule id="s" score-attribute="load">
              <expression id="f" attribute="home-%1" operation="defined"/></rule></rsc_location>
            <rsc_location id="5" resource-discovery="exclusive"><resource_set id="q"><resource_ref id="rsc-b"/></resource_set>
              <rule id="t" score="7" boolean-op="or"><expression id="g" attribute="home-b" operation="defined"/>
                <rule id="u" boolean-op="and"><expression id="h" attribute="load" operation="gte" value="10" type="number"/>
                  <expression id="i2" attribute="#uname" operation="ne" value="ann"/></rule></rule></rsc_location>"##,
        ..STORY
    }
    .check(expect![[r#"
        resource rsc-a: single
        resource rsc-b: single
        location rsc-a: bob=never not looked for
        location rsc-a (Promoted): ann=5
        location rsc-a: ann=9
        location rsc-b: bob=7 only there
        note 8:13: 2 names nobody, which is no node"#]]);
}

#[test]
fn rules_on_the_time_hold_at_their_time_only() {
    let mut story = Story {
        resources: r#"<primitive id="a" class="ocf" provider="x" type="A"/>"#,
        constraints: r#"
            <rsc_location id="1" rsc="a"><rule id="r" score="1"><date_expression id="d" operation="in_range" start="2026-11-28 10:00Z">
              <duration id="u" hours="2"/></date_expression></rule></rsc_location>
            <rsc_location id="2" rsc="a"><rule id="s" score="2"><date_expression id="e" operation="date_spec">
              <date_spec id="p" weekdays="6-7" hours="8-11"/></date_expression></rule></rsc_location>
            <rsc_location id="3" rsc="a"><rule id="t" score="3"><date_expression id="f" operation="gt" start="2026-11-29"/></rule></rsc_location>"#,
        // A Saturday, 11:00.
        now: Some(1_795_863_600),
        ..STORY
    };
    story.check(expect![[r#"
        resource a: single
        location a: ann=1 bob=1
        location a: ann=2 bob=2"#]]);
    story.now = Some(1_795_863_600 + 86_400);
    story.check(expect![[r#"
        resource a: single
        location a: ann=2 bob=2
        location a: ann=3 bob=3"#]]);
    story.now = None;
    story.check(expect!["resource a: single"]);
}

/// A member with what is recorded there.
macro_rules! recorded {
    ($node:literal, $id:literal, $resources:literal) => {
        concat!(
            r#"<node_state id=""#,
            $id,
            r#"" uname=""#,
            $node,
            r#"" in_ccm="true" crmd="online" join="member" expected="member"><lrm id=""#,
            $id,
            r#""><lrm_resources>"#,
            $resources,
            "</lrm_resources></lrm></node_state>"
        )
    };
}

#[test]
fn failures_are_answered_as_configured() {
    Story {
        resources: r#"
            <primitive id="a" class="ocf" provider="x" type="A"><operations><op id="1" name="monitor" interval="10s" on-fail="standby"/></operations></primitive>
            <primitive id="b" class="ocf" provider="x" type="A"/>
            <clone id="c"><meta_attributes id="m"><nvpair name="promotable" value="true"/></meta_attributes>
              <primitive id="s" class="ocf" provider="x" type="A"><operations>
              <op id="2" name="monitor" interval="11s" role="Master" on-fail="demote"/></operations></primitive></clone>"#,
        status: concat!(recorded!("ann", "1", r#"
            <lrm_resource id="a"><lrm_rsc_op id="x1" operation="start" interval="0" call-id="1" rc-code="0" op-status="0" transition-key="1:1:0:u"/>
              <lrm_rsc_op id="x2" operation="monitor" interval="10000" call-id="2" rc-code="1" op-status="4" transition-key="1:1:0:u"/></lrm_resource>
            <lrm_resource id="s:1"><lrm_rsc_op id="x4" operation="promote" interval="0" call-id="3" rc-code="0" op-status="0" transition-key="1:1:0:u"/>
              <lrm_rsc_op id="x5" operation="monitor" interval="11000" call-id="4" rc-code="7" op-status="0" transition-key="1:1:8:u"/></lrm_resource>
            <lrm_resource id="old" class="ocf" provider="x" type="A"><lrm_rsc_op id="x6" operation="monitor" interval="0" call-id="5" rc-code="0" op-status="0" transition-key="1:1:7:u"/></lrm_resource>"#), recorded!("bob", "2", r#"<lrm_resource id="b"><lrm_rsc_op id="x3" operation="stop" interval="0" call-id="1" rc-code="1" op-status="2" transition-key="1:1:0:u"/></lrm_resource>"#)),
        ..STORY
    }
    .check(expect![[r#"
        resource a: single
        resource b: single
        resource c: clone of s promoted 1, 1 on a node stickiness 1
        resource s: single in c stickiness 1
        resource old: single removed
        found a on ann: Started failed in Watch, so Standby
        found s:1 on ann: Promoted failed in Watch, so Demote
        found old on ann: Started
        found b on bob: Started failed in Stop, so Fence"#]]);
}

#[test]
fn a_program_that_is_not_there_bars_the_node() {
    Story {
        resources: r#"<primitive id="a" class="ocf" provider="x" type="A"/><primitive id="b" class="ocf" provider="x" type="A"/>"#,
        status: recorded!("ann", "1", r#"
            <lrm_resource id="a"><lrm_rsc_op id="1" operation="monitor" interval="0" call-id="1" rc-code="5" op-status="0" transition-key="1:1:7:u"/></lrm_resource>
            <lrm_resource id="b"><lrm_rsc_op id="2" operation="start" interval="0" call-id="2" rc-code="6" op-status="0" transition-key="1:1:0:u"/></lrm_resource>"#),
        ..STORY
    }
    .check(expect![[r#"
        node bob offline unclean unseen
        resource a: single
        resource b: single
        found a on ann: stopped
        found b on ann: Started failed in Start, so Restart
        failures of a on ann: 0 hopeless
        failures of b on ann: 0 hopeless
        failures of b on bob: 0 hopeless"#]]);
}

#[test]
fn failures_are_forgotten_after_their_time() {
    let mut story = Story {
        resources: r#"<primitive id="a" class="ocf" provider="x" type="A"><meta_attributes id="m">
            <nvpair name="failure-timeout" value="1min"/></meta_attributes></primitive>"#,
        status: r#"<node_state id="1" uname="ann" in_ccm="true" crmd="online" join="member" expected="member">
            <transient_attributes id="1"><instance_attributes id="i"><nvpair name="fail-count-a#monitor_10000" value="2"/>
              <nvpair name="last-failure-a#monitor_10000" value="1000"/></instance_attributes></transient_attributes>
            <lrm id="1"><lrm_resources><lrm_resource id="a">
              <lrm_rsc_op id="1" operation="start" interval="0" call-id="1" rc-code="0" op-status="0" transition-key="1:1:0:u" last-rc-change="900"/>
              <lrm_rsc_op id="2" operation="monitor" interval="10000" call-id="2" rc-code="1" op-status="0" transition-key="1:1:0:u" last-rc-change="1000"/>
            </lrm_resource></lrm_resources></lrm></node_state>"#,
        now: Some(1059),
        ..STORY
    };
    story.check(expect![[r#"
        node bob offline unclean unseen
        resource a: single
        found a on ann: Started failed in Watch, so Restart
        failures of a on ann: 2"#]]);
    story.now = Some(1060);
    story.check(expect![[r#"
        node bob offline unclean unseen
        resource a: single
        found a on ann: Started"#]]);
}

#[test]
fn a_live_migration_that_was_caught_half_way_is_known_on_both_nodes() {
    Story {
        resources: r#"<primitive id="vm" class="ocf" provider="x" type="Vm"/>"#,
        status: concat!(
            recorded!("ann", "1", r#"<lrm_resource id="vm">
              <lrm_rsc_op id="1" operation="start" interval="0" call-id="1" rc-code="0" op-status="0" transition-key="1:1:0:u" last-rc-change="100"/>
              <lrm_rsc_op id="2" operation="migrate_to" interval="0" call-id="2" rc-code="0" op-status="0" transition-key="1:2:0:u" last-rc-change="200" migrate_source="ann" migrate_target="bob"/></lrm_resource>"#),
            recorded!("bob", "2", r#"<lrm_resource id="vm">
              <lrm_rsc_op id="3" operation="monitor" interval="0" call-id="1" rc-code="7" op-status="0" transition-key="1:1:7:u" last-rc-change="90"/></lrm_resource>"#)
        ),
        ..STORY
    }
    .check(expect![[r#"
        resource vm: single
        found vm on ann: Started leaving for bob
        found vm on bob: Started coming from ann"#]]);
}

#[test]
fn what_was_received_must_still_be_stopped_where_it_came_from() {
    Story {
        resources: r#"<primitive id="vm" class="ocf" provider="x" type="Vm"/>"#,
        status: concat!(
            recorded!("ann", "1", r#"<lrm_resource id="vm">
              <lrm_rsc_op id="2" operation="migrate_to" interval="0" call-id="2" rc-code="0" op-status="0" transition-key="1:2:0:u" last-rc-change="200" migrate_source="ann" migrate_target="bob"/></lrm_resource>"#),
            recorded!("bob", "2", r#"<lrm_resource id="vm">
              <lrm_rsc_op id="3" operation="migrate_from" interval="0" call-id="3" rc-code="0" op-status="0" transition-key="1:2:0:u" last-rc-change="210" migrate_source="ann" migrate_target="bob"/></lrm_resource>"#)
        ),
        ..STORY
    }
    .check(expect![[r#"
        resource vm: single
        found vm on ann: stopped leaving for bob
        found vm on bob: Started"#]]);
}

#[test]
fn what_cannot_be_read_at_all_has_a_code_and_a_place() {
    let say = |text: &str| {
        let error = cib::read(text, None).unwrap_err();
        format!("{} {error}", error.code())
    };
    let said = [
        "<cib>\n <configuration>\n</cib>",
        "<html/>",
        "<cib/>",
        "",
        "<!DOCTYPE cib><cib><configuration/></cib>",
    ]
    .map(say);
    expect![[r#"
        E0801 3:1: this is not XML: expected 'configuration' tag, not 'cib'
        E0802 1:1: this is no CIB: its outermost element is not <cib>
        E0802 1:1: this is no CIB: <configuration> is missing
        E0801 1:1: this is not XML: the document does not have a root node
        E0801 1:1: this is not XML: XML with DTD detected"#]]
    .assert_eq(&said.join("\n"));
}

/// A single resource, an instance of a clone and a fence device on ann, which shuts down.
const CLOSING: Story = Story {
    resources: r#"<primitive id="db" class="ocf" provider="heartbeat" type="Dummy"/>
        <primitive id="down" class="ocf" provider="heartbeat" type="Dummy"/>
        <clone id="everywhere"><primitive id="agent" class="ocf" provider="heartbeat" type="Dummy"/></clone>
        <primitive id="power" class="stonith" type="fence_ipmilan"/>"#,
    status: r#"<node_state id="1" uname="ann" in_ccm="true" crmd="online" join="member" expected="member">
          <transient_attributes id="1"><instance_attributes id="a">
            <nvpair name="shutdown" value="1000"/></instance_attributes></transient_attributes>
          <lrm id="1"><lrm_resources>
            <lrm_resource id="db" class="ocf" provider="heartbeat" type="Dummy">
              <lrm_rsc_op id="d" operation="start" interval="0" rc-code="0" op-status="0" call-id="1" transition-key="1:0:0:x"/></lrm_resource>
            <lrm_resource id="agent" class="ocf" provider="heartbeat" type="Dummy">
              <lrm_rsc_op id="e" operation="start" interval="0" rc-code="0" op-status="0" call-id="2" transition-key="2:0:0:x"/></lrm_resource>
            <lrm_resource id="power" class="stonith" type="fence_ipmilan">
              <lrm_rsc_op id="f" operation="start" interval="0" rc-code="0" op-status="0" call-id="3" transition-key="3:0:0:x"/></lrm_resource>
          </lrm_resources></lrm></node_state>
        <node_state id="2" uname="bob" in_ccm="true" crmd="online" join="member" expected="member"/>"#,
    ..STORY
};

/// What bars other nodes to whom.
fn kept(story: &Story) -> Vec<String> {
    let lines = story.told();
    let locations = lines.lines().filter(|line| line.starts_with("location"));
    locations.map(str::to_string).collect()
}

#[test]
fn what_runs_on_a_node_that_shuts_down_is_kept_for_it_where_that_is_asked_for() {
    let nothing: Vec<String> = Vec::new();
    assert_eq!(kept(&CLOSING), nothing, "it is not asked for");
    let asked = Story {
        options: r#"<nvpair name="shutdown-lock" value="true"/>"#,
        ..CLOSING
    };
    assert_eq!(kept(&asked), ["location db: bob=never"]);
}

#[test]
fn what_is_kept_for_a_node_is_kept_for_the_time_that_is_given() {
    let at = |now: i64| Story {
        options: r#"<nvpair name="shutdown-lock" value="true"/>
                    <nvpair name="shutdown-lock-limit" value="60s"/>"#,
        now: Some(now),
        ..CLOSING
    };
    assert_eq!(kept(&at(1059)), ["location db: bob=never"]);
    assert_eq!(kept(&at(1060)), Vec::<String>::new());
}

#[test]
fn nobody_is_fenced_where_no_device_is_configured() {
    let can_fence = |options, resources| {
        let story = Story {
            options,
            resources,
            ..STORY
        };
        story.read().wanted.policy.can_fence()
    };
    let device = r#"<primitive id="power" class="stonith" type="fence_ipmilan"/>"#;
    assert!(can_fence("", device));
    assert!(!can_fence("", ""));
    assert!(!can_fence(
        r#"<nvpair name="stonith-enabled" value="false"/>"#,
        device
    ));
    // A watchdog counts where the time is said after which a node has fenced itself.
    let watchdog = r#"<nvpair name="have-watchdog" value="true"/>"#;
    assert!(!can_fence(watchdog, ""));
    let trusted = r#"<nvpair name="have-watchdog" value="true"/>
                     <nvpair name="stonith-watchdog-timeout" value="10s"/>"#;
    assert!(can_fence(trusted, ""));
}
