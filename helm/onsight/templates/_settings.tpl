{{/* The worker's settings as environment variables, but for secrets: the data of a ConfigMap. */}}
{{- define "onsight.settings" -}}
ONSIGHT_KAFKA: {{ required "kafka.bootstrapServers is empty: say where the brokers are, as host:port,host:port." .Values.kafka.bootstrapServers | quote }}
ONSIGHT_APPLICATION_ID: {{ .Values.applicationId | quote }}
ONSIGHT_PROFILE: {{ ternary "/etc/onsight/profile/profile.yaml" .Values.profile.name (not (empty .Values.profile.custom)) | quote }}
{{- if .Values.artifact.existingClaim }}
ONSIGHT_ARTIFACT: {{ printf "/etc/onsight/artifact/%s" .Values.artifact.path | trimSuffix "/" | quote }}
{{- end }}
{{- if .Values.artifact.trustedKeys }}
ONSIGHT_TRUSTED_KEYS: /etc/onsight/keys
{{- end }}
{{- with .Values.topics }}
ONSIGHT_INPUT_TOPIC: {{ .input | quote }}
ONSIGHT_ALERTS_TOPIC: {{ .alerts | quote }}
ONSIGHT_DEAD_LETTERS_TOPIC: {{ .deadLetters | quote }}
ONSIGHT_VERDICTS_TOPIC: {{ .verdicts | quote }}
ONSIGHT_MODELS_TOPIC: {{ .models | quote }}
ONSIGHT_PARTITIONS: {{ int .partitions | quote }}
ONSIGHT_REPLICATION: {{ int .replication | quote }}
{{- end }}
{{- with .Values.kafka }}
ONSIGHT_SECURITY_PROTOCOL: {{ .securityProtocol | quote }}
{{- if .existingSecret }}
ONSIGHT_SASL_MECHANISM: {{ .saslMechanism | quote }}
{{- end }}
{{- if .tls.existingSecret }}
{{- with .tls.caKey }}
ONSIGHT_TLS_CA: {{ printf "/etc/onsight/tls/%s" . | quote }}
{{- end }}
{{- with .tls.certKey }}
ONSIGHT_TLS_CERT: {{ printf "/etc/onsight/tls/%s" . | quote }}
{{- end }}
{{- with .tls.keyKey }}
ONSIGHT_TLS_KEY: {{ printf "/etc/onsight/tls/%s" . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.settings }}
ONSIGHT_{{ upper $name }}: {{ $value | toJson | trimAll "\"" | quote }}{{/* JSON, for a large number would be 1e+06 */}}
{{- end }}
{{- end -}}
