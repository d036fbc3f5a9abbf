#include "value/schema.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "value/json.h"
#include "value/yaml.h"

namespace masu {
namespace {

Value yaml(std::string_view text) { return parse_yaml_single(text).value().value; }

const char* const widget = R"(
type: object
required: [spec]
properties:
  spec:
    type: object
    required: [size]
    properties:
      size: {type: integer, minimum: 1, maximum: 10}
      colour: {type: string, enum: [red, blue], default: red}
      name: {type: string, minLength: 2, maxLength: 4, pattern: "^[a-z]+$"}
      port: {x-kubernetes-int-or-string: true}
      nick: {type: string, nullable: true}
      ratio: {type: number, minimum: 0, exclusiveMinimum: true}
      when: {type: string, format: date-time}
      labels: {type: object, additionalProperties: {type: string}}
      any: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {strict: {type: object, properties: {a: {type: string}}}}}
      template: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}
      nested: {type: object, properties: {depth: {type: integer, default: 3}}}
      made: {type: object, default: {}, properties: {x: {type: string, default: "y"}}}
      items: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [key], maxItems: 3, items: {type: object, properties: {key: {type: string}, "n": {type: integer, default: 1}}}}
      words: {type: array, x-kubernetes-list-type: set, items: {type: string}}
  status: {type: object, x-kubernetes-preserve-unknown-fields: true}
)";

TEST(Schema, PrunesAndDefaults) {
  struct Case {
    const char* object;
    const char* result;
    const char* unknown;
  };
  const Case cases[] = {
      {R"({"apiVersion":"v1","kind":"W","metadata":{"name":"x","odd":1},"spec":{"size":1}})",
       R"({"apiVersion":"v1","kind":"W","metadata":{"name":"x","odd":1},"spec":{"colour":"red","made":{"x":"y"},"size":1}})", ""},
      {R"({"spec":{"size":1,"odd":1,"colour":null,"nick":null,"name":null},"extra":{}})", R"({"spec":{"colour":"red","made":{"x":"y"},"nick":null,"size":1}})", "extra,spec.odd"},
      {R"({"spec":{"nested":{},"made":{"z":1},"colour":"blue"}})", R"({"spec":{"colour":"blue","made":{"x":"y"},"nested":{"depth":3}}})", "spec.made.z"},
      {R"({"spec":{"colour":"red","made":{"x":""},"any":{"free":{"b":1},"strict":{"a":"1","b":2}}}})",
       R"({"spec":{"any":{"free":{"b":1},"strict":{"a":"1"}},"colour":"red","made":{"x":""}}})", "spec.any.strict.b"},
      {R"({"spec":{"colour":"red","made":{"x":""},"items":[{"key":"a","z":1},{"key":"b","n":2}]}})",
       R"({"spec":{"colour":"red","items":[{"key":"a","n":1},{"key":"b","n":2}],"made":{"x":""}}})", "spec.items[0].z"},
      {R"({"spec":{"colour":"red","made":{"x":""},"labels":{"a":"b"},"template":{"kind":"X","metadata":{"name":"n"},"spec":{"y":1}}}})",
       R"({"spec":{"colour":"red","labels":{"a":"b"},"made":{"x":""},"template":{"kind":"X","metadata":{"name":"n"},"spec":{"y":1}}}})", ""},
      {R"({"status":{"whatever":[1]}})", R"({"status":{"whatever":[1]}})", ""},
  };
  for (const Case& c : cases) {
    const SchemaOutcome outcome = apply_schema(yaml(widget), parse_json(c.object).value());
    EXPECT_EQ(to_json(outcome.value), c.result) << c.object;
    EXPECT_EQ(join(outcome.unknown, ","), c.unknown) << c.object;
  }
}

TEST(Schema, Validates) {
  struct Case {
    const char* object;
    const char* causes;
  };
  const Case cases[] = {
      {R"({"spec":{"size":3}})", ""},
      {R"({})", "spec|FieldValueRequired|Required value"},
      {R"({"spec":{"size":33}})", "spec.size|FieldValueInvalid|Invalid value: 33: spec.size in body should be less than or equal to 10"},
      {R"({"spec":{"size":0}})", "spec.size|FieldValueInvalid|Invalid value: 0: spec.size in body should be greater than or equal to 1"},
      {R"({"spec":{"size":"x"}})", "spec.size|FieldValueTypeInvalid|Invalid value: \"string\": spec.size in body must be of type integer: \"string\""},
      {R"({"spec":{"size":1,"colour":"green"}})", "spec.colour|FieldValueNotSupported|Unsupported value: \"green\": supported values: \"red\", \"blue\""},
      {R"({"spec":{"size":1,"name":"A"}})",
       "spec.name|FieldValueInvalid|Invalid value: \"A\": spec.name in body should be at least 2 chars long\n"
       "spec.name|FieldValueInvalid|Invalid value: \"A\": spec.name in body should match '^[a-z]+$'"},
      {R"({"spec":{"size":1,"name":"abcde"}})", "spec.name|FieldValueTooLong|Too long: may not be longer than 4"},
      {R"({"spec":{"size":1,"port":80}})", ""},
      {R"({"spec":{"size":1,"port":"http"}})", ""},
      {R"({"spec":{"size":1,"port":true}})", "spec.port|FieldValueTypeInvalid|Invalid value: \"boolean\": spec.port in body must be of type integer,string: \"boolean\""},
      {R"({"spec":{"size":1,"nick":null,"ratio":0.5,"when":"2026-01-01T00:00:00Z"}})", ""},
      {R"({"spec":{"size":1,"ratio":0}})", "spec.ratio|FieldValueInvalid|Invalid value: 0: spec.ratio in body should be greater than 0"},
      {R"({"spec":{"size":1,"when":"today"}})", "spec.when|FieldValueInvalid|Invalid value: \"today\": spec.when in body must be of type date-time: \"today\""},
      {R"({"spec":{"size":1,"labels":{"a":1}}})", "spec.labels.a|FieldValueTypeInvalid|Invalid value: \"integer\": spec.labels.a in body must be of type string: \"integer\""},
      {R"({"spec":{"size":1,"template":{"kind":"X"}}})", "spec.template.apiVersion|FieldValueRequired|Required value: must not be empty"},
      {R"({"spec":{"size":1,"items":[{"key":"a"},{"key":"a"}],"words":["x","x"]}})",
       "spec.items[1]|FieldValueDuplicate|Duplicate value: {\"key\":\"a\"}\nspec.words[1]|FieldValueDuplicate|Duplicate value: \"x\""},
      {R"({"spec":{"size":1,"items":[{},{"key":"1"},{"key":"2"},{"key":"3"}]}})", "spec.items|FieldValueTooMany|Too many: 4: must have at most 3 items"},
  };
  for (const Case& c : cases) {
    std::vector<std::string> lines;
    for (const Cause& cause : validate_schema(yaml(widget), parse_json(c.object).value())) lines.push_back(cat(cause.field, "|", cause.reason, "|", cause.message));
    EXPECT_EQ(join(lines, "\n"), c.causes) << c.object;
  }
}

TEST(Schema, Combinations) {
  const Value schema = yaml("{type: object, properties: {a: {anyOf: [{type: integer}, {type: string}]}, b: {oneOf: [{minimum: 1}, {minimum: 5}]}, c: {not: {type: string}}}}");
  const auto count = [&](const char* object) { return validate_schema(schema, parse_json(object).value()).size(); };
  EXPECT_EQ(count(R"({"a":1,"b":2,"c":1})"), 0u);
  EXPECT_EQ(count(R"({"a":true})"), 1u);
  EXPECT_EQ(count(R"({"b":7})"), 1u);
  EXPECT_EQ(count(R"({"c":"x"})"), 1u);
}

}  // namespace
}  // namespace masu
